import type { Context } from '@mcp-gateway/core'
import { Refusal, sha256 } from '@mcp-gateway/core/internal'
import { verifierFits } from '../authorization/pkce.js'
import type { AuthenticatedClient } from '../client-authentication/authenticate-client.js'
import { isRegisteredRedirectUri } from '../client-metadata/redirect-uri.js'
import type { Parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { Code } from '../store/code.js'
import type { Grant } from '../store/grant.js'
import { readRecord } from '../store/records.js'
import { issueAccessToken } from './access-token.js'
import { formatRefreshToken, grantIdOf, newRefreshToken } from './refresh-token.js'
import type { TokenResponse } from './token-response.js'

/** Trades a code for tokens (RFC 6749 section 4.1.3). Nothing is consumed before everything is checked. */
export async function authorizationCodeGrant(
  server: Server,
  { client, confirm }: AuthenticatedClient,
  form: Parameters,
  context: Context,
): Promise<TokenResponse> {
  const { settings, storage, keys, grants, resources, clock } = server
  const codeText = form.get('code')
  if (!codeText) throw new Refusal(400, 'invalid_request', 'code is missing')
  const key = await keys('code', codeText)
  const stored = await readRecord<Code>(storage, key)
  if (!stored) throw new Refusal(400, 'invalid_grant', 'The code is unknown or too old')
  const { request, user, expiresAt, grantId: used } = stored.value
  if (request.clientId !== client.clientId) {
    throw new Refusal(400, 'invalid_grant', 'The code was issued to another client')
  }
  // PKCE binds the code to who asked for it, so nothing depends on a second redirect URI (OAuth 2.1 draft 13 section 10.2)
  if ((form.get('redirect_uri') ?? request.redirectUri) !== request.redirectUri) {
    throw new Refusal(400, 'invalid_grant', 'redirect_uri differs from that of the authorization request')
  }
  // The registration may have been changed since the code was issued.
  if (!isRegisteredRedirectUri(client.metadata.redirect_uris, request.redirectUri)) {
    throw new Refusal(400, 'invalid_grant', 'redirect_uri is not registered any more')
  }
  if (!(await verifierFits(form.get('code_verifier') ?? '', request.challenge))) {
    throw new Refusal(400, 'invalid_grant', 'code_verifier does not fit the code_challenge')
  }
  const about = {
    clientId: client.clientId,
    subject: user.subject,
    resource: request.resource,
    grantType: 'authorization_code',
  }
  if (used !== undefined) {
    // RFC 6749 section 4.1.2: a code that is used twice may have been stolen, so what it gave is taken back.
    if (await grants.read(used)) {
      await confirm()
      await grants.revoke(used)
      server.tell({ ...about, type: 'replay_found', reason: 'The code was used before' }, context)
    }
    throw new Refusal(400, 'invalid_grant', 'The code was used before; everything it gave is revoked')
  }
  if (clock() >= expiresAt) throw new Refusal(400, 'invalid_grant', 'The code is unknown or too old')
  for (const resource of form.all('resource')) {
    if (resources.canonical(resource) !== request.resource) {
      throw new Refusal(400, 'invalid_target', 'The code was issued for another resource')
    }
  }

  await confirm()
  const refresh = newRefreshToken()
  const id = await grantIdOf(settings.issuer, refresh.family)
  const refreshes = client.metadata.grant_types.includes('refresh_token') && !request.withoutRefresh
  const grant: Grant = {
    clientId: client.clientId,
    user,
    scopes: request.scopes,
    ...(request.leftOut && { leftOut: request.leftOut }),
    resource: request.resource,
    createdAt: clock(),
    ...(refreshes && { current: await sha256(refresh.secret) }),
  }
  const token = await issueAccessToken(server, id, grant, grant.scopes)
  // The grant comes first, so that whoever finds the code used also finds what to revoke.
  await grants.create(id, grant)
  const next: Code = { ...stored.value, grantId: id }
  if (
    !(await storage.compareAndSet(key, stored.version, JSON.stringify(next), { ttl: settings.lifetimes.accessToken }))
  ) {
    await grants.revoke(id)
    const winner = (await readRecord<Code>(storage, key))?.value.grantId
    if (winner) await grants.revoke(winner)
    server.tell({ ...about, type: 'replay_found', reason: 'The code was used twice at once' }, context)
    throw new Refusal(400, 'invalid_grant', 'The code was used before; everything it gave is revoked')
  }
  server.tell({ ...about, type: 'token_issued', scopes: grant.scopes }, context)
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: settings.lifetimes.accessToken,
    scope: grant.scopes.join(' '),
    ...(refreshes && { refresh_token: formatRefreshToken(refresh) }),
  }
}
