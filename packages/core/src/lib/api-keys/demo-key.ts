import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, filledText, type OptionTypes, optional, textList } from '../contract/option-types.js'
import { isLoopback, isLoopbackHost } from '../http/loopback.js'
import { isEqual } from './key-hash.js'
import { ApiKeyRefusal, type ApiKeySource, type IdentifiedKey } from './key-source.js'

/** A key that everybody may know. */
export interface DemoKeyOptions {
  /** What clients send. */
  readonly key: string
  /** @default none */
  readonly scopes?: readonly string[]
  /** @default none */
  readonly roles?: readonly string[]
  /** @default none */
  readonly groups?: readonly string[]
  /**
   * Who calls.
   *
   * @default demo
   */
  readonly subject?: string
}

const types: OptionTypes<DemoKeyOptions> = {
  key: (value, name) => {
    filledText(value, name)
    if (/^[\w\-.~+/]{8,200}=*$/.test(value as string)) return
    throw invalidConfiguration(`${name} must be 8 to 200 characters that a header may hold (RFC 6750 section 2.1)`)
  },
  scopes: optional(textList),
  roles: optional(textList),
  groups: optional(textList),
  subject: optional(filledText),
}

/**
 * A fixed key for a demonstration on one machine, with which whoever knows it is in. It works at servers whose URL is a loopback
 * address alone, and a verifier of any other does not start; a client that is seen to come from another machine is refused.
 *
 * @throws {GatewayError} `invalid_configuration`, also when a verifier is made for a server that is not on loopback
 * @example
 * ```ts
 * const auth: ApiKeyVerifier = createApiKeyVerifier(dangerouslyDemoKey({ key: 'demo-token-12345', roles: ['mcp-viewer'] }))
 * ```
 */
export function dangerouslyDemoKey(options: DemoKeyOptions): ApiKeySource {
  checkOptions('dangerouslyDemoKey', options, types)
  const { key, scopes = [], roles = [], groups = [], subject = 'demo' } = options
  const id = 'demo'
  const identified: IdentifiedKey = {
    id,
    issuer: 'apikey',
    subject,
    scopes,
    roles,
    groups,
    generation: 1,
    startsAt: 0,
    endsAt: Number.POSITIVE_INFINITY,
    worksAt: (resource) => resource !== undefined && isLoopback(new URL(resource)),
    worksFrom: (address) => address === undefined || isThisMachine(address),
  }
  return {
    isLocal: true,
    recognise: (token) => (isEqual(token, key) ? 'yes' : 'no'),
    async identify(token) {
      if (!isEqual(token, key)) throw new ApiKeyRefusal('unknown', undefined, { isFinal: false })
      return identified
    },
    limitsOf: async (asked) => (asked === id ? {} : undefined),
    checkResource(resource) {
      if (isLoopback(new URL(resource))) return
      throw invalidConfiguration(
        `dangerouslyDemoKey is for loopback addresses, and ${resource} is public; make keys with createApiKeys`,
      )
    },
  }
}

function isThisMachine(address: string): boolean {
  return isLoopbackHost(address.includes(':') ? `[${address}]` : address)
}
