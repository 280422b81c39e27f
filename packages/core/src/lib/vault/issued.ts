import type { OAuthTokens } from '../oauth-client/oauth-client-options.js'
import type { Grant } from './grants.js'

/** Seconds before its end from which a token is asked for anew, so that it does not end on its way. */
const margin = 30

/** What of a token answer goes into a grant. */
export function issued(
  { accessToken, scope, expiresIn }: OAuthTokens,
  now: number,
): Pick<Grant, 'accessToken' | 'scope' | 'expiresAt' | 'freshUntil'> {
  return {
    accessToken,
    ...(scope === undefined ? {} : { scope }),
    ...(expiresIn === undefined
      ? { expiresAt: undefined, freshUntil: undefined }
      : { expiresAt: now + expiresIn * 1000, freshUntil: now + Math.max(expiresIn - margin, expiresIn / 2) * 1000 }),
  }
}
