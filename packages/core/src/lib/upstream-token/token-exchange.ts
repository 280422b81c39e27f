import type { Context } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, filledText, optional } from '../contract/option-types.js'
import { sha256Hex } from '../text/sha256.js'
import { TokenCache } from './token-cache.js'
import { tokenEndpoint, type UpstreamIssuerOptions, upstreamIssuerTypes } from './token-endpoint.js'
import type { UpstreamToken } from './upstream-token.js'

/** Who exchanges tokens, and for what. */
export interface TokenExchangeOptions extends UpstreamIssuerOptions {
  /** The logical name of the upstream at the issuer (RFC 8693 `audience`). */
  readonly audience?: string
}

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/**
 * Lets a proxy call its upstream for the caller: the caller's token goes to the issuer, which gives one for the
 * upstream instead. Kept per caller's token until shortly before it ends. The caller's token never reaches the upstream.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see RFC 8693
 * @example
 * ```ts
 * const token = tokenExchange({ issuer: 'https://login.example.com', clientId, clientSecret, audience: 'notes' })
 * const notes = proxy('https://notes.example.com/mcp', { token })
 * ```
 */
export function tokenExchange(options: TokenExchangeOptions): UpstreamToken {
  checkOptions('tokenExchange', options, { ...upstreamIssuerTypes, audience: optional(filledText) })
  const { audience } = options
  const request = tokenEndpoint('urn:ietf:params:oauth:grant-type:token-exchange', options)
  const cache = new TokenCache()
  return {
    isPerUser: true,
    get: async (context) => {
      const subject = subjectToken(context)
      return cache.get(await sha256Hex(subject), async () => {
        const issued = await request({
          subject_token: subject,
          subject_token_type: accessTokenType,
          requested_token_type: accessTokenType,
          ...(audience === undefined ? {} : { audience }),
        })
        // What was given for the caller's token ends with it
        const left = (context.auth?.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now() / 1000
        return Number.isFinite(left)
          ? { ...issued, expiresIn: Math.max(0, Math.min(issued.expiresIn ?? left, left)) }
          : issued
      })
    },
    drop: async (context, token, again) =>
      again ? undefined : cache.drop(await sha256Hex(subjectToken(context)), token),
  }
}

function subjectToken({ auth }: Context): string {
  if (auth === undefined) throw invalidConfiguration('tokenExchange needs a caller: put the proxy behind bearerAuth')
  // What is kept is kept by the token: without one, all callers would share it
  if (auth.token !== '') return auth.token
  throw invalidConfiguration(
    'tokenExchange needs the access token of the caller, and a reverse proxy tells the identity alone; put bearerAuth in front',
  )
}
