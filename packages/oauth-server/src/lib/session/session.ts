import { randomToken, readCookie, sha256 } from '@mcp-gateway/core/internal'
import type { Server } from '../server/server.js'
import type { GrantUser } from '../store/grant.js'
import { readRecord } from '../store/records.js'

/** Cookies are one host's, whatever the port and path: each issuer there has a session of its own. */
async function nameFor({ settings }: Server): Promise<string> {
  return `${(await sha256(settings.issuer)).slice(0, 8)}-session`
}

/**
 * Who is signed in at this browser, as they are now, if the session is alive, comes from the provider that is in use now, and its user
 * is still welcome.
 */
export async function readSession(server: Server, request: Request): Promise<GrantUser | undefined> {
  const { storage, keys, cookies, identityProvider, checkUser } = server
  const id = readCookie(request, cookies.name(await nameFor(server)))
  const user = id ? (await readRecord<GrantUser>(storage, await keys('session', id)))?.value : undefined
  if (!user?.subject.startsWith(`${identityProvider.name}|`)) return undefined
  return checkUser(user)
}

/**
 * Begins a session and returns its cookie. It never continues one: an id that someone planted before the login is
 * worth nothing after it.
 */
export async function beginSession(server: Server, request: Request, user: GrantUser): Promise<string[]> {
  const { storage, keys, cookies, settings } = server
  const name = await nameFor(server)
  const before = readCookie(request, cookies.name(name))
  if (before) await storage.delete(await keys('session', before))
  const { session } = settings.lifetimes
  if (session === 0) return []
  const id = randomToken()
  const lists = [await keys('user_tokens', user.subject)]
  await storage.set(await keys('session', id), JSON.stringify(user), { ttl: session, lists })
  return [cookies.write(name, id, session)]
}
