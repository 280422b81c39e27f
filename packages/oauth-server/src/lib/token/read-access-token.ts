import { isCompact } from '@mcp-gateway/core/internal'
import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import type { Server } from '../server/server.js'
import { readRecord } from '../store/records.js'

/** What an access token of ours says. */
export interface AccessTokenClaims extends Readonly<Record<string, unknown>> {
  readonly sub: string
  readonly aud: string
  readonly client_id: string
  readonly scope: string
  readonly exp: number
  readonly grant_id: string
}

/** Reads an access token that this server issued, of either kind; `undefined` for anything else and for expired ones. */
export async function readAccessToken(server: Server, token: string): Promise<AccessTokenClaims | undefined> {
  const { settings, signingKeys, storage, keys, clock } = server
  if (token.startsWith('at.')) {
    const claims = (await readRecord<AccessTokenClaims>(storage, await keys('token', token)))?.value
    return claims && claims.exp > clock() ? claims : undefined
  }
  // RFC 7515 section 2. The library also reads other spellings, which would be other tokens to whoever keeps a list.
  if (!isCompact(token)) return undefined
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(await signingKeys.jwks()), {
      issuer: settings.issuer,
      typ: 'at+jwt',
      requiredClaims: ['sub', 'aud', 'client_id', 'exp', 'grant_id'],
      currentDate: new Date(clock() * 1000),
    })
    return payload as unknown as AccessTokenClaims
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}
