import type { Context } from '@mcp-gateway/core'
import { Refusal, sha256 } from '@mcp-gateway/core/internal'
import { equal } from '../crypto/equal.js'
import type { Parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'
import { readBasicCredentials } from './basic-credentials.js'
import { assertionType, readAssertion } from './client-assertion.js'
import { readAssertionSubject } from './client-assertion-subject.js'

/** What came with a request to prove which client sends it. */
interface Credentials {
  readonly clientId: string
  readonly method: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'
  /** The secret or the assertion. */
  readonly proof?: string
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
  const client = await server.clients.find(credentials.clientId, context)
  const { method, proof } = credentials
  if (client && method === 'private_key_jwt') {
    const assertion = await readAssertion(server, client, proof as string, context)
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

function readCredentials(request: Request, form: Parameters): Credentials {
  const basic = readBasicCredentials(request)
  const secret = form.get('client_secret')
  const assertion = form.get('client_assertion')
  const type = form.get('client_assertion_type')
  if ([basic, secret, assertion ?? type].filter((each) => each !== undefined).length > 1) {
    throw new Refusal(400, 'invalid_request', 'Authenticate once: in the header, with a secret or with an assertion')
  }
  const posted = form.get('client_id')
  if (basic) {
    if (posted !== undefined && posted !== basic.clientId) {
      throw invalidClient('client_id differs from that of the Authorization header')
    }
    return { clientId: basic.clientId, method: 'client_secret_basic', proof: basic.clientSecret }
  }
  if (assertion !== undefined || type !== undefined) {
    if (assertion === undefined || type !== assertionType) {
      throw invalidClient(`client_assertion_type must be ${assertionType}, with a client_assertion`)
    }
    const clientId = readAssertionSubject(assertion)
    if (clientId === undefined || (posted !== undefined && posted !== clientId)) {
      throw invalidClient('client_assertion is not a JWT about this client_id')
    }
    return { clientId, method: 'private_key_jwt', proof: assertion }
  }
  if (posted === undefined) throw invalidClient('client_id is missing')
  return { clientId: posted, method: secret === undefined ? 'none' : 'client_secret_post', proof: secret }
}

async function isAuthentic(client: Client, { method, proof }: Credentials): Promise<boolean> {
  const registered = client.metadata.token_endpoint_auth_method
  if (method === 'none') return registered === 'none'
  if (client.secretHash === undefined || (client.methodChosen && registered !== method)) return false
  return equal(await sha256(proof ?? ''), client.secretHash)
}

function wrong(): Refusal {
  return invalidClient('The client is unknown, or its authentication is wrong')
}

function invalidClient(description: string): Refusal {
  return new Refusal(401, 'invalid_client', description, { headers: { 'WWW-Authenticate': 'Basic realm="oauth"' } })
}
