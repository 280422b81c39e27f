import { equal } from '../crypto/equal.js'
import { hash } from '../crypto/hash.js'
import type { Parameters } from '../http/form.js'
import { Refusal } from '../http/refusal.js'
import type { Server } from '../server.js'
import { readBasicCredentials } from './basic-credentials.js'
import type { Client } from './client.js'

/**
 * Finds out which client is asking (RFC 6749 section 2.3). A client without a secret proves nothing here: PKCE and
 * rotation protect it. A client with one must send it, by the method it registered; if it registered none, by either.
 *
 * @throws Refusal `invalid_client`, the same for an unknown client and for a wrong secret; SDKs register again on it
 */
export async function authenticateClient(server: Server, request: Request, form: Parameters): Promise<Client> {
  const basic = readBasicCredentials(request)
  const posted = form.get('client_secret')
  if (basic && posted) throw new Refusal(400, 'invalid_request', 'Authenticate once: in the header or in the body')
  const clientId = form.get('client_id') ?? basic?.clientId
  if (!clientId) throw invalidClient('client_id is missing')
  if (basic && basic.clientId !== clientId)
    throw invalidClient('client_id differs from that of the Authorization header')
  const client = await server.clients.find(clientId)
  const secret = basic?.clientSecret ?? posted
  const method = basic ? 'client_secret_basic' : posted ? 'client_secret_post' : 'none'
  if (!client || !(await isAuthentic(client, method, secret))) {
    throw invalidClient('The client is unknown, or its authentication is wrong')
  }
  return client
}

async function isAuthentic(client: Client, method: string, secret: string | undefined): Promise<boolean> {
  if (client.secretHash === undefined) return method === 'none'
  if (secret === undefined || (client.methodChosen && client.metadata.token_endpoint_auth_method !== method))
    return false
  return equal(await hash(secret), client.secretHash)
}

function invalidClient(description: string): Refusal {
  return new Refusal(401, 'invalid_client', description, { 'WWW-Authenticate': 'Basic realm="oauth"' })
}
