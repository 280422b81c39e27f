import type { Context } from '@mcp-gateway/core'
import { Refusal, randomToken, sha256 } from '@mcp-gateway/core/internal'
import { parseScope } from '../authorization/scope.js'
import type { AuthenticatedClient } from '../client-authentication/authenticate-client.js'
import { equal } from '../crypto/equal.js'
import type { Parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'
import type { Grant, GrantUser } from '../store/grant.js'
import type { Stored } from '../store/records.js'
import { issueAccessToken } from './access-token.js'
import { formatRefreshToken, grantIdOf, parseRefreshToken, type RefreshToken, successor } from './refresh-token.js'
import type { TokenResponse } from './token-response.js'

/**
 * Trades a refresh token for its successor and an access token (RFC 6749 section 6). The same token again, with the same
 * question, gets the same successor until that is used: parallel sessions of one client and lost replies end no session,
 * however late they come back. After that it is taken for stolen, and the family ends (RFC 9700 section 4.14.2).
 */
export async function refreshTokenGrant(
  server: Server,
  { client, confirm }: AuthenticatedClient,
  form: Parameters,
  context: Context,
): Promise<TokenResponse> {
  const token = parseRefreshToken(form.get('refresh_token') ?? '')
  if (!form.get('refresh_token')) throw new Refusal(400, 'invalid_request', 'refresh_token is missing')
  if (!token) throw unknown()
  const id = await grantIdOf(server.settings.issuer, token.family)
  const presented = await sha256(token.secret)
  const scope = form.get('scope') ?? ''

  let user: GrantUser | undefined
  // Whoever loses the race for a rotation reads what the winner wrote, once: the token it holds is the previous one then.
  for (let attempt = 0; attempt < 2; attempt++) {
    const stored = await server.grants.read(id)
    const grant = stored?.value
    // Another client's token ends nothing: that would be a way to log others out.
    if (!grant || grant.clientId !== client.clientId || !server.grants.isLive(grant)) throw unknown()
    const scopes = narrowedScopes(server, grant, scope)
    checkResources(server, grant, form.all('resource'))
    user ??= await currentUser(server, id, grant, confirm)
    const now: Grant = { ...grant, user }
    const use: Use = { server, id, token, presented, scope, confirm, context }
    if (grant.current !== undefined && equal(presented, grant.current)) {
      await confirm()
      const next = await rotate(use, { value: now, version: stored.version })
      if (next) return respond(use, client, { grant: now, scopes, next })
    } else {
      const next = await replay(use, grant)
      // What was taken away since the rotation leaves the tokens now; whoever writes at the same time has asked too.
      if (user !== grant.user) await server.grants.replace(id, stored.version, now)
      return respond(use, client, { grant: now, scopes, next })
    }
  }
  throw new Refusal(503, 'temporarily_unavailable', 'The grant was being changed; try again', {
    headers: { 'Retry-After': '1' },
  })
}

/** One use of a refresh token. */
interface Use {
  readonly server: Server
  /** Of the grant. */
  readonly id: string
  readonly token: RefreshToken
  /** The hash of its secret. */
  readonly presented: string
  /** As the request has it. */
  readonly scope: string
  /** Takes what can be used once, such as the proof of the client, when the token has proved good. */
  readonly confirm: () => Promise<void>
  readonly context: Context
}

/** What a use has come to. */
interface Refreshed {
  readonly grant: Grant
  readonly scopes: readonly string[]
  readonly next: RefreshToken
}

/** Who the user is by now. Whoever left since they granted ends the grant here; a directory that does not answer ends nothing. */
async function currentUser(
  server: Server,
  id: string,
  { user }: Grant,
  confirm: () => Promise<void>,
): Promise<GrantUser> {
  const current = await server.checkUser(user)
  if (current) return current
  await confirm()
  await server.grants.revoke(id)
  throw new Refusal(400, 'invalid_grant', 'The account may not be used here any more')
}

async function rotate(
  { server, id, token, scope }: Use,
  { value: grant, version }: Stored<Grant>,
): Promise<RefreshToken | undefined> {
  const nonce = randomToken(16)
  const next = await successor(token, nonce)
  const rotation = { previous: grant.current as string, nonce, at: server.clock(), scope }
  const changed = { ...grant, current: await sha256(next.secret), rotation }
  return (await server.grants.replace(id, version, changed)) ? next : undefined
}

/** The token is not the current one of its family: the one before, or one that was used up long ago. */
async function replay(
  { server, id, token, presented, scope, confirm, context }: Use,
  { rotation, clientId, user, resource }: Grant,
): Promise<RefreshToken> {
  const previous = rotation !== undefined && equal(presented, rotation.previous)
  if (!previous || server.clock() - rotation.at >= server.settings.lifetimes.refreshReplay) {
    await confirm()
    await server.grants.revoke(id)
    const about = { clientId, subject: user.subject, resource, grantType: 'refresh_token' }
    server.tell({ type: 'replay_found', ...about, reason: 'The refresh token was used before' }, context)
    throw new Refusal(400, 'invalid_grant', 'The refresh token was used before; the whole grant is revoked')
  }
  if (scope !== rotation.scope) {
    throw new Refusal(400, 'invalid_grant', 'The refresh token was used before, with another scope')
  }
  await confirm()
  return successor(token, rotation.nonce)
}

async function respond(
  { server, id, context }: Use,
  client: Client,
  { grant, scopes, next }: Refreshed,
): Promise<TokenResponse> {
  // Not before the token has proved good: a registration that nobody approved must not live on by asking.
  await server.clients.touch(client)
  const token = await issueAccessToken(server, id, grant, scopes)
  const { clientId, user, resource } = grant
  const about = { clientId, subject: user.subject, resource, scopes, grantType: 'refresh_token' }
  server.tell({ type: 'token_issued', ...about }, context)
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: server.settings.lifetimes.accessToken,
    scope: scopes.join(' '),
    refresh_token: formatRefreshToken(next),
  }
}

/**
 * The scope of this access token; the grant keeps its own, so a later refresh may ask for all of it again. Unknown scopes, and
 * those that the user left out, are dropped as they were at authorization, since clients ask for the same at both.
 */
function narrowedScopes({ settings }: Server, { scopes, leftOut = [] }: Grant, scope: string): readonly string[] {
  if (scope === '') return scopes
  const isGranted = (name: string): boolean => scopes.includes(name)
  const beyond = new Refusal(400, 'invalid_scope', 'scope goes beyond what was granted')
  const requested = parseScope(scope)?.filter((name) => !leftOut.includes(name))
  if (!requested || requested.length === 0) throw beyond
  const offline = requested.filter((name) => name === 'offline_access')
  const others = requested.filter((name) => name !== 'offline_access')
  const known = others.filter((name) => settings.scopes.has(name) || isGranted(name))
  const meant = others.length === 0 ? settings.defaultScopes : settings.scopesForUnknown
  const narrowed = [...new Set([...(known.length > 0 ? known : meant.filter(isGranted)), ...offline])]
  if (!narrowed.every(isGranted) || (narrowed.length === 0 && scopes.length > 0)) throw beyond
  return narrowed
}

function checkResources({ resources }: Server, grant: Grant, requested: readonly string[]): void {
  // Clients drop their tokens on invalid_grant and start again; on invalid_target they are stuck.
  if (resources.canonical(grant.resource) !== grant.resource) {
    throw new Refusal(400, 'invalid_grant', 'The resource of this grant is served no more')
  }
  if (requested.some((resource) => resources.canonical(resource) !== grant.resource)) {
    throw new Refusal(400, 'invalid_target', 'The grant is for another resource')
  }
}

function unknown(): Refusal {
  return new Refusal(400, 'invalid_grant', 'The refresh token is unknown, revoked or too old')
}
