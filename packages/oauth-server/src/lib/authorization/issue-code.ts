import { randomToken } from '@mcp-gateway/core/internal'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { Client } from '../store/client.js'
import type { Code } from '../store/code.js'
import type { GrantUser } from '../store/grant.js'

/** Makes an authorization code (RFC 6749 section 4.1.2): 256 random bits, of which the store has the hash. */
export async function issueCode(
  { storage, keys, settings, clients, clock }: Server,
  client: Client,
  request: AuthorizationRequest,
  user: GrantUser,
): Promise<string> {
  const code = randomToken()
  // The client has its state back with the code.
  const { state: _, ...kept } = request
  const record: Code = { request: kept, user, expiresAt: clock() + settings.lifetimes.code }
  await storage.set(await keys('code', code), JSON.stringify(record), {
    ttl: settings.lifetimes.code,
    lists: [await keys('user_tokens', user.subject), await keys('client_tokens', client.clientId)],
  })
  await clients.touch(client)
  return code
}
