import { GatewayError, type Logger, type Storage } from '@mcp-gateway/core'
import type { OutboundFetch } from '@mcp-gateway/core/outbound'
import type { Client } from '../clients/client.js'
import { Refusal } from '../http/refusal.js'
import { readRecord, type Stored } from '../records.js'
import type { RedirectUriRules } from '../registration/redirect-uri-rules.js'
import type { StorageKeys } from '../storage-keys.js'
import { cacheLifetime } from './cache-lifetime.js'
import { isDocumentUrl } from './document-url.js'
import { parseDocument } from './parse-document.js'

/** A document as it is kept. Times are seconds since the epoch. */
interface KnownDocument {
  readonly client: Client
  readonly etag?: string
  readonly freshUntil: number
}

/** How long a document stays usable while its host does not answer. */
const staleFor = 86_400
/** How many new documents are kept in an hour: anyone can publish them, and make us read them by asking. */
const mostNew = 200

/** What it needs. */
export interface DocumentClientsOptions {
  readonly storage: Storage
  readonly keys: StorageKeys
  readonly fetch: OutboundFetch
  readonly rules: RedirectUriRules
  readonly logger: Logger | undefined
  readonly clock: () => number
}

/**
 * Finds clients by their metadata documents (draft-ietf-oauth-client-id-metadata-document-02, and what MCP asks for
 * beyond it). Documents are cached by their HTTP headers; one that is faulty is not kept, and ends the use of the one before.
 */
export function createDocumentClients({
  storage,
  keys,
  fetch,
  rules,
  logger,
  clock,
}: DocumentClientsOptions): (clientId: string) => Promise<Client | undefined> {
  return async (url) => {
    if (!isDocumentUrl(url)) return undefined
    const key = await keys('document', url)
    const known = await readRecord<KnownDocument>(storage, key)
    if (known && clock() < known.value.freshUntil) return known.value.client
    try {
      const next = await load(url, known)
      const ttl = next.freshUntil - clock() + staleFor
      if (known || (await mayKeepAnother())) await storage.set(key, JSON.stringify(next), { ttl })
      return next.client
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'temporarily_unavailable') {
        // The host is away, or its budget is used up: what it said before stands for a while.
        if (known) return known.value.client
        throw error
      }
      if (!(error instanceof Refusal) && !(error instanceof GatewayError)) throw error
      logger?.warn({ clientId: url, reason: error.message }, 'Client metadata document refused')
      await storage.delete(key)
      return undefined
    }
  }

  /** What is not kept is read again at its next use, within the budget for that. */
  async function mayKeepAnother(): Promise<boolean> {
    const name = await keys('limit', `documents of ${Math.floor(clock() / 3600)}`)
    return (await storage.increment(name, { ttl: 3600 })) <= mostNew
  }

  async function load(url: string, known: Stored<KnownDocument> | undefined): Promise<KnownDocument> {
    const headers = new Headers({ Accept: 'application/json' })
    if (known?.value.etag) headers.set('If-None-Match', known.value.etag)
    const response = await fetch(url, { headers })
    const freshUntil = clock() + cacheLifetime(response.headers)
    // A 304 that nobody asked for would make anything valid.
    if (response.status === 304 && known?.value.etag) return { ...known.value, freshUntil }
    if (response.status >= 500 || response.status === 429) {
      throw new GatewayError('temporarily_unavailable', 'The host of the client metadata document does not answer')
    }
    if (response.status !== 200) throw new Refusal(400, 'invalid_client', `The document answered ${response.status}`)
    const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
    if (!/^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type)) {
      throw new Refusal(400, 'invalid_client', 'The document is not application/json')
    }
    const client = await parseDocument(url, utf8(await response.arrayBuffer()), rules)
    const etag = response.headers.get('etag')
    return { client, freshUntil, ...(etag !== null && { etag }) }
  }
}

function utf8(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal(400, 'invalid_client', 'The document is not UTF-8')
  }
}
