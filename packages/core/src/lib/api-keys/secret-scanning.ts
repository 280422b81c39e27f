import { importSPKI } from 'jose'
import { refreshing } from '../cache/refreshing.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Mountable } from '../contract/handler.js'
import type { Logger } from '../contract/logger.js'
import {
  anyOf,
  callable,
  checkOptions,
  filledText,
  listOf,
  type OptionTypes,
  optional,
  withMethods,
} from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { loggerType } from '../contract/shared-option-types.js'
import { mountable } from '../http/mountable.js'
import { oauthError } from '../http/oauth-error.js'
import { readBody } from '../http/read-body.js'
import { respond } from '../http/respond.js'
import { isObject } from '../json/is-object.js'
import type { OutboundFetch } from '../outbound/bounded-fetch.js'
import { createOutboundFetch } from '../outbound/create-outbound-fetch.js'
import { displayText } from '../text/display-text.js'
import { sha256AtOnce } from '../text/hmac-sha256.js'
import type { ApiKey } from './api-key.js'
import type { ApiKeys } from './create-api-keys.js'
import { toRawSignature } from './ecdsa-signature.js'

/** A key that somebody has found in public. */
export interface LeakedKey {
  /** The key, which is revoked. */
  readonly apiKey: ApiKey
  /** Where it was found, as the scanner says; empty where it does not. */
  readonly url: string
  /** In what, such as `content` or `issue_comment`, as the scanner says. */
  readonly source: string
}

/** How reports of leaked keys are taken. */
export interface SecretScanningOptions {
  /** The registry whose keys are looked for, or several. */
  readonly keys: ApiKeys | readonly ApiKeys[]
  /** Hears of each key of ours that was found, after it was revoked; tell its owner. What it throws is logged. */
  readonly onLeak?: (leak: LeakedKey) => unknown
  /**
   * Where the scanner has its public keys.
   *
   * @default https://api.github.com/meta/public_keys/secret_scanning
   */
  readonly keysUrl?: string
  /**
   * How these are fetched.
   *
   * @default `createOutboundFetch({ destinations: 'public' })`
   */
  readonly fetch?: OutboundFetch
  readonly logger?: Logger
}

const registryType = withMethods('createApiKeys(…)', 'revokeByToken')

const types: OptionTypes<SecretScanningOptions> = {
  keys: anyOf('createApiKeys(…), or a list of such', registryType, listOf(registryType)),
  onLeak: optional(callable),
  keysUrl: optional(filledText),
  fetch: optional(callable),
  logger: optional(loggerType),
}

/** GitHub asks to expect many at once; one is about 300 bytes. */
const maxBytes = 1_048_576
const maxReports = 5000

/**
 * Takes the reports of a secret scanning partner programme: keys of ours that were found in public are revoked at once, and
 * the answer says which were ours (`true_positive`), so that the scanner learns. It believes only what is signed by
 * one of the scanner's keys (ECDSA with P-256 and SHA-256, over the bytes of the body), which it fetches and keeps for an hour,
 * and asks for again when a report names one that it does not know.
 *
 * A text with a wrong checksum costs no read of the storage. While the storage or the scanner's keys cannot be had, it
 * answers 503, and the report has to come again.
 *
 * @throws {GatewayError} `invalid_configuration`
 * @see GitHub's "Secret scanning partner program"
 * @example
 * ```ts
 * const scanning: Mountable = secretScanning({
 *   keys,
 *   onLeak: ({ apiKey, url }) => console.warn(`The key ${apiKey.name} was found at ${url}`),
 * })
 * ```
 */
export function secretScanning(options: SecretScanningOptions): Mountable {
  checkOptions('secretScanning', options, types)
  const { keys, onLeak, keysUrl = 'https://api.github.com/meta/public_keys/secret_scanning', logger } = options
  const { fetch: fetchKeys = createOutboundFetch({ destinations: 'public' }) } = options
  const registries = Array.isArray(keys) ? (keys as readonly ApiKeys[]) : [keys as ApiKeys]
  const source = refreshing(async () => readKeys(await fetchKeys(keysUrl)), {
    maxAge: 3600,
    cooldown: 30,
    maxStale: 86_400,
  })

  const findKey = async (id: string): Promise<CryptoKey | undefined> => {
    const known = await source.get()
    const key = known.get(id) ?? (await source.newer(known)).get(id)
    if (key !== undefined || !source.failing) return key
    throw new GatewayError('temporarily_unavailable', 'The keys of the scanner cannot be fetched')
  }

  const isSigned = async ({ headers }: Request, body: Uint8Array<ArrayBuffer>): Promise<boolean> => {
    const id = headers.get('github-public-key-identifier') ?? ''
    const signature = fromBase64(headers.get('github-public-key-signature') ?? '')
    const raw = signature && toRawSignature(signature)
    if (raw === undefined || !/^[\w-]{1,200}$/.test(id)) return false
    const key = await findKey(id)
    return key !== undefined && crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, raw, body)
  }

  const revoke = async ({ token, url, source }: Report): Promise<boolean> => {
    for (const registry of registries) {
      const apiKey = await registry.revokeByToken(token, { by: 'secret scanning', because: `found in public: ${url}` })
      if (apiKey === undefined) continue
      logger?.warn({ credential_id: apiKey.id, found_in: source }, 'an API key was found in public and revoked')
      try {
        await onLeak?.({ apiKey, url, source })
      } catch (err) {
        logger?.error({ err, credential_id: apiKey.id }, 'onLeak of secretScanning failed')
      }
      return true
    }
    return false
  }

  return mountable({
    async handle(request, { record }) {
      const refuse = (status: number, code: string, description: string, headers?: HeadersInit) => {
        recordRefusal(record, { by: 'secretScanning', code, reason: description }, status >= 500 ? 'error' : 'deny')
        return oauthError(status, code, description, headers)
      }
      if (request.method !== 'POST')
        return refuse(405, 'invalid_request', 'Reports are sent with POST', { Allow: 'POST' })
      const body = await readBody(request, maxBytes)
      if (body === 'too-large') return refuse(413, 'invalid_request', `A report has at most ${maxBytes} bytes`)
      try {
        if (!(await isSigned(request, body as Uint8Array<ArrayBuffer>))) {
          return refuse(401, 'invalid_signature', 'The report is not signed by a key of the scanner')
        }
        const reports = readReports(body)
        if (reports === undefined)
          return refuse(400, 'invalid_request', 'A report is a list of { token, type, url, source }')
        const answers: unknown[] = []
        for (const report of reports) {
          const label = (await revoke(report)) ? 'true_positive' : 'false_positive'
          answers.push({ token_hash: sha256AtOnce(report.token), token_type: report.type, label })
        }
        return respond(JSON.stringify(answers), {
          headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
        })
      } catch (err) {
        logger?.error({ err }, 'a report of leaked API keys was not worked off')
        return refuse(503, 'temporarily_unavailable', 'The report cannot be worked off now; send it again', {
          'Retry-After': '30',
        })
      }
    },
  })
}

interface Report {
  readonly token: string
  readonly type: string
  readonly url: string
  readonly source: string
}

function readReports(body: Uint8Array): readonly Report[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
  if (!Array.isArray(value) || value.length > maxReports) return undefined
  const reports = value.map(readReport)
  return reports.every((report) => report !== undefined) ? reports : undefined
}

function readReport(value: unknown): Report | undefined {
  if (!isObject(value) || typeof value.token !== 'string' || typeof value.type !== 'string') return undefined
  const { token, type, url, source } = value
  const shown = (text: unknown, length: number) =>
    typeof text === 'string' ? displayText(text.slice(0, 2000), length) : ''
  return { token, type: type.slice(0, 200), url: shown(url, 400), source: shown(source, 50) }
}

async function readKeys(response: Response): Promise<ReadonlyMap<string, CryptoKey>> {
  const document: unknown = response.ok ? await response.json() : undefined
  if (!isObject(document) || !Array.isArray(document.public_keys)) {
    throw new GatewayError('outbound_refused', `The keys of the scanner are not as expected (HTTP ${response.status})`)
  }
  const keys = new Map<string, CryptoKey>()
  for (const one of document.public_keys.slice(0, 100)) {
    if (!isObject(one) || typeof one.key_identifier !== 'string' || typeof one.key !== 'string') continue
    // A key of another kind is not ours to use
    const key = await importSPKI(one.key, 'ES256').catch(() => undefined)
    if (key !== undefined) keys.set(one.key_identifier, key as CryptoKey)
  }
  return keys
}

function fromBase64(text: string): Uint8Array | undefined {
  if (text.length > 200 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
