import type { Context } from '@mcp-gateway/core'
import { isRefusal, Refusal, sha256 } from '@mcp-gateway/core/internal'
import { equal } from '../crypto/equal.js'
import type { Parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'
import { readBasicCredentials } from './basic-credentials.js'
import { assertionType, readAssertion } from './client-assertion.js'
import { readAssertionSubject } from './client-assertion-subject.js'

/** What came with a request to prove which client sends it. */
interface Credentials {
  /** In each way that it can be read. */
  readonly clientIds: readonly string[]
  readonly method: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'
  /** The secret, in each way that it can be read, or the assertion. */
  readonly proofs: readonly string[]
}

/** A client that proved, as far as it can, that it is the one. */
export interface AuthenticatedClient {
  readonly client: Client
  /**
   * Uses up what proves it, if that is good once; a second call does nothing. To be called when everything else about the
   * request holds, and before it changes anything: refused requests must leave no record.
   *
   * @throws {Refusal} `invalid_client` if another request used it
   */
  readonly confirm: () => Promise<void>
}

/**
 * Finds out which client is asking (RFC 6749 section 2.3). A client without a secret proves nothing here: PKCE and
 * rotation protect it. Any other must use the method it registered; if it registered none, either way to send the secret
 * will do.
 *
 * @throws {Refusal} `invalid_client`, the same for an unknown client and for a wrong secret; SDKs register again on it
 */
export async function authenticateClient(
  server: Server,
  request: Request,
  form: Parameters,
  context: Context,
): Promise<AuthenticatedClient> {
  const credentials = readCredentials(request, form)
  try {
    return await prove(server, credentials, context)
  } catch (error) {
    // What is wrong with a client's document or keys is told the way that everything wrong with a client is.
    if (isRefusal(error) && error.code === 'invalid_client') throw invalidClient(error.description)
    throw error
  }
}

async function prove(server: Server, credentials: Credentials, context: Context): Promise<AuthenticatedClient> {
  const client = await findClient(server, credentials, context)
  const { method, proofs } = credentials
  if (client && method === 'private_key_jwt') {
    const assertion = await readAssertion(server, client, proofs[0] as string, context)
    if (!assertion) throw wrong()
    let used: Promise<boolean> | undefined
    const confirm = async (): Promise<void> => {
      used ??= assertion.use()
      if (!(await used)) throw wrong()
    }
    return { client, confirm }
  }
  if (!client || !(await isAuthentic(client, credentials))) throw wrong()
  return { client, confirm: async () => {} }
}

async function findClient(server: Server, { clientIds }: Credentials, context: Context): Promise<Client | undefined> {
  for (const clientId of clientIds) {
    const client = await server.clients.find(clientId, context)
    if (client) {
      if (context.record !== undefined) context.record.clientId = client.clientId
      return client
    }
  }
  return undefined
}

function readCredentials(request: Request, form: Parameters): Credentials {
  const header = readBasicCredentials(request)
  // Some libraries name a client without a secret so
  const isBare = header?.clientSecrets[0] === ''
  const basic = isBare ? undefined : header
  const secret = form.get('client_secret')
  const assertion = form.get('client_assertion')
  const type = form.get('client_assertion_type')
  if ([basic, secret, assertion ?? type].filter((each) => each !== undefined).length > 1) {
    throw new Refusal(400, 'invalid_request', 'Authenticate once: in the header, with a secret or with an assertion')
  }
  const posted = form.get('client_id')
  if (header && posted !== undefined && !header.clientIds.includes(posted)) {
    throw invalidClient('client_id differs from that of the Authorization header')
  }
  const named = posted === undefined ? (header?.clientIds ?? []) : [posted]
  if (basic) return { clientIds: named, method: 'client_secret_basic', proofs: basic.clientSecrets }
  if (assertion !== undefined || type !== undefined) {
    if (assertion === undefined || type !== assertionType) {
      throw invalidClient(`client_assertion_type must be ${assertionType}, with a client_assertion`)
    }
    const clientId = readAssertionSubject(assertion)
    if (clientId === undefined || (named.length > 0 && !named.includes(clientId))) {
      throw invalidClient('client_assertion is not a JWT about this client_id')
    }
    return { clientIds: [clientId], method: 'private_key_jwt', proofs: [assertion] }
  }
  if (named.length === 0) throw invalidClient('client_id is missing')
  return secret === undefined
    ? { clientIds: named, method: 'none', proofs: [] }
    : { clientIds: named, method: 'client_secret_post', proofs: [secret] }
}

async function isAuthentic(client: Client, { method, proofs }: Credentials): Promise<boolean> {
  const registered = client.metadata.token_endpoint_auth_method
  if (method === 'none') return registered === 'none'
  if (client.secretHash === undefined || (client.methodChosen && registered !== method)) return false
  for (const proof of proofs) if (equal(await sha256(proof), client.secretHash)) return true
  return false
}

function wrong(): Refusal {
  return invalidClient('The client is unknown, or its authentication is wrong')
}

function invalidClient(description: string): Refusal {
  return new Refusal(401, 'invalid_client', description, { headers: { 'WWW-Authenticate': 'Basic realm="oauth"' } })
}
