import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { TokenEndpointResponse } from 'oauth4webapi'
import type { Context } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { callable, checkOptions, filledText, membersOf, type OptionTypes, optional } from '../contract/option-types.js'
import { principal } from '../tokens/principal.js'
import { TokenCache } from './token-cache.js'
import { tokenEndpoint, type UpstreamIssuerOptions, upstreamIssuerTypes } from './token-endpoint.js'
import type { UpstreamToken } from './upstream-token.js'

/** What stands for the user at the identity provider. */
export interface SubjectToken {
  readonly token: string
  /** Such as `urn:ietf:params:oauth:token-type:id_token`. */
  readonly type: string
}

/** Who vouches for the user, and at whose authorization server. */
export interface IdentityAssertionOptions extends UpstreamIssuerOptions {
  /** The upstream, as its authorization server knows it (RFC 8707). */
  readonly resource: string
  /** The identity provider, and the gateway's client there. */
  readonly identityProvider: Pick<
    UpstreamIssuerOptions,
    'issuer' | 'tokenEndpoint' | 'clientId' | 'clientSecret' | 'authentication' | 'fetch'
  >
  /**
   * What the identity provider gave for this user: an ID token or a refresh token. Unless told the caller's access
   * token, which has to be of that provider.
   */
  readonly subjectToken?: (context: Context) => SubjectToken | Promise<SubjectToken>
}

const { scope: _scope, resource: _resource, ...atProvider } = upstreamIssuerTypes

const types: OptionTypes<IdentityAssertionOptions> = {
  ...upstreamIssuerTypes,
  resource: filledText,
  identityProvider: membersOf<IdentityAssertionOptions['identityProvider']>(atProvider),
  subjectToken: optional(callable),
}

const tokenTypes = 'urn:ietf:params:oauth:token-type:'
const assertionType = `${tokenTypes}id-jag`

/**
 * Lets a proxy call its upstream for the caller where an enterprise decides about access (MCP's enterprise-managed
 * authorization): its identity provider gives an assertion about the user for the upstream's authorization server, and
 * that server a token for it, without the user in between. Kept per user until shortly before it ends. Neither the
 * caller's token nor the assertion reaches the upstream; an assertion that is for somebody else is sent to nobody.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see draft-ietf-oauth-identity-assertion-authz-grant, RFC 8693, RFC 7523 section 2.1
 * @example
 * ```ts
 * const token = identityAssertion({
 *   identityProvider: { issuer: 'https://idp.example.com', clientId: 'gateway', clientSecret },
 *   issuer: 'https://login.wiki.example',
 *   clientId: 'gateway-at-wiki',
 *   clientSecret,
 *   resource: 'https://wiki.example/mcp',
 *   scope: 'read',
 * })
 * const wiki = proxy('https://wiki.example/mcp', { token })
 * ```
 */
export function identityAssertion(options: IdentityAssertionOptions): UpstreamToken {
  checkOptions('identityAssertion', options, types)
  const { issuer, clientId, scope, resource, identityProvider } = options
  const { subjectToken = (context) => callersToken(context, identityProvider.issuer) } = options
  const assert = tokenEndpoint(
    'urn:ietf:params:oauth:grant-type:token-exchange',
    { ...identityProvider, resource, ...(scope === undefined ? {} : { scope }) },
    {
      tokenType: 'n_a',
      check: (answer) => checkAssertion(answer, { iss: identityProvider.issuer, aud: issuer, clientId, resource }),
    },
  )
  // The assertion says for what; nothing beside it could widen that
  const redeem = tokenEndpoint('urn:ietf:params:oauth:grant-type:jwt-bearer', {
    ...options,
    scope: undefined,
    resource: undefined,
  })
  const cache = new TokenCache()

  return {
    isPerUser: true,
    get: async (context) =>
      cache.get(callerOf(context), async () => {
        const subject = await subjectToken(context)
        const assertion = await assert({
          subject_token: subject.token,
          subject_token_type: subject.type,
          requested_token_type: assertionType,
          audience: issuer,
        })
        return redeem({ assertion: assertion.value })
      }),
    drop: async (context, token, again) => (again ? undefined : cache.drop(callerOf(context), token)),
  }
}

function callerOf({ auth }: Context): string {
  if (auth !== undefined) return principal(auth)
  throw invalidConfiguration('identityAssertion needs a caller: put the proxy behind bearerAuth')
}

/** A token is shown to nobody but who issued it. */
function callersToken({ auth }: Context, issuer: string): SubjectToken {
  if (auth !== undefined && auth.token !== '' && auth.extra?.issuer === issuer) {
    return { token: auth.token, type: `${tokenTypes}access_token` }
  }
  throw invalidConfiguration(`identityAssertion: there is no token of the caller by ${issuer}; give subjectToken`)
}

interface Expected {
  readonly iss: string
  readonly aud: string
  readonly clientId: string
  readonly resource: string
}

/**
 * Looks whether an assertion is the one that was asked for; whether it is genuine is for the server to say that takes
 * it. Anything else, such as a token of another kind, must not be shown to that server.
 */
function checkAssertion(answer: TokenEndpointResponse, { iss, aud, clientId, resource }: Expected): void {
  const fail = (what: string) => new Error(`The identity provider's assertion ${what}`)
  if (answer.issued_token_type !== assertionType) throw fail('is of another type than was asked for')
  const header = decodeProtectedHeader(answer.access_token)
  if (header.typ?.toLowerCase().replace(/^application\//, '') !== 'oauth-id-jag+jwt') throw fail('has another typ')
  const claims = decodeJwt(answer.access_token)
  if (claims.iss !== iss) throw fail('is of another issuer')
  const audience = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? [])
  if (audience.length !== 1 || audience[0] !== aud) throw fail('is for another authorization server')
  if (claims.client_id !== clientId) throw fail('is for another client')
  if (typeof claims.sub !== 'string' || claims.sub === '') throw fail('names no user')
  if (typeof claims.exp !== 'number' || claims.exp <= Date.now() / 1000) throw fail('has expired')
  const resources = claims.resource === undefined ? [resource] : [claims.resource].flat()
  if (resources.some((one) => one !== resource)) throw fail('is for another resource')
}
