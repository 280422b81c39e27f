import { type Context, GatewayError, type Logger, type Storage } from '@mcp-gateway/core'
import { isRefusal, Refusal } from '@mcp-gateway/core/internal'
import type { GuardedFetch } from '../limits/guarded-fetch.js'
import type { Limit } from '../limits/limits.js'
import { hostAway, hostIsAway, notAccepted } from '../limits/unreadable.js'
import type { Client } from '../store/client.js'
import type { DocumentClients } from '../store/client-store.js'
import { readRecord, type Stored } from '../store/records.js'
import type { StorageKeys } from '../store/storage-keys.js'
import { cacheLifetime, longestCacheLifetime } from './cache-lifetime.js'
import { parseDocument } from './parse-document.js'
import { isPublicHost } from './public-host.js'
import type { RedirectUriRules } from './redirect-uri-rules.js'

/** A document as it is kept. Times are seconds since the epoch. */
interface KnownDocument {
  /** Absent where a person approved a document that turned bad since. */
  readonly client?: Client
  readonly etag?: string
  readonly freshUntil: number
  /** When a client of it was last used, to the day; absent until a person approved it. */
  readonly usedAt?: number
}

const day = 86_400
/** How long a document stays usable while its host does not answer. */
const staleFor = day
/** A longer tag is not kept: the next answer comes as a whole. */
const longestTag = 128

/** What it needs. */
export interface DocumentClientsOptions {
  readonly storage: Storage
  readonly keys: StorageKeys
  /** Whose documents are read; anyone's if absent. */
  readonly origins?: ReadonlySet<string>
  readonly fetch: GuardedFetch
  /** How many new documents are kept: anyone can publish them, and make us read them by asking. */
  readonly newDocuments: Limit
  readonly rules: RedirectUriRules
  /** How long it is remembered that a person approved a document, in seconds; `0` for ever. */
  readonly clientLifetime: number
  readonly logger: Logger
  readonly clock: () => number
}

/**
 * Finds clients by their metadata documents (draft-ietf-oauth-client-id-metadata-document-02, and what MCP asks for
 * beyond it). Documents are cached by their HTTP headers; one that is faulty is not kept, and ends the use of the one before.
 *
 * What is wrong with a document, or with where it is, is a refusal that names it and says what; a client whose id could be
 * that of a document is never unknown. Only our own store and budget are an outage.
 *
 * Documents that a person approved are read anew out of a budget of their own, so that they work whatever strangers ask for.
 */
export function createDocumentClients({
  storage,
  keys,
  origins,
  fetch,
  newDocuments,
  rules,
  clientLifetime,
  logger,
  clock,
}: DocumentClientsOptions): DocumentClients {
  return { find, touch }

  async function find(url: string, context: Context): Promise<Client | undefined> {
    const fault = urlFault(url, origins)
    if (fault !== undefined) throw refuse(url, new Refusal(400, 'invalid_client', fault))
    const key = await keys('document', url)
    const known = await readRecord<KnownDocument>(storage, key)
    const left = known ? known.value.freshUntil - clock() : 0
    // More than any document gets was written by a clock that was ahead.
    if (known?.value.client && left > 0 && left <= longestCacheLifetime) return clientOf(known.value)
    try {
      const next = await load(url, known, context)
      // Whoever wrote meanwhile read the same document, or noted that a person approved it.
      if (known || (await mayKeepAnother(context))) {
        await storage.compareAndSet(key, known?.version, JSON.stringify(next), { ttl: ttl(next) })
      }
      return clientOf(next)
    } catch (error) {
      const isAway = isRefusal(error) && error.code === hostAway
      if (isAway || isOutage(error)) {
        // The host is away, or a budget is used up: what it said before stands for a while.
        if (known && clock() < known.value.freshUntil + staleFor) return clientOf(known.value)
        throw isAway ? refuse(url, error) : error
      }
      if (!isRefusal(error)) throw error
      const usedAt = known?.value.usedAt
      if (usedAt === undefined) await storage.delete(key)
      else await storage.set(key, JSON.stringify({ freshUntil: 0, usedAt }), { ttl: ttl({ freshUntil: 0, usedAt }) })
      throw refuse(url, error)
    }
  }

  /** The refusal of a client by what is wrong with its document. The person reads it, and the log says more. */
  function refuse(url: string, { code, description, reason }: Refusal): Refusal {
    // A query may hold anything, and a custom logger need not know what a URL is
    logger.warn(
      { service: 'oauth-server', client_id: url.split('?', 1)[0], reason },
      'Client metadata document refused',
    )
    // Clients throw their credentials away on invalid_client, so a host that is away must not be that.
    return new Refusal(
      400,
      code === hostAway ? 'temporarily_unavailable' : 'invalid_client',
      `The application cannot be read from the client metadata document at ${shown(url)}: ${description.slice(0, 500)}.`,
    )
  }

  async function touch(client: Client): Promise<void> {
    const usedAt = clock()
    if (client.usedAt !== undefined && usedAt - client.usedAt < day) return
    const key = await keys('document', client.clientId)
    const known = await readRecord<KnownDocument>(storage, key)
    // One that was not kept, and is from now on: who approved it is no stranger.
    const { usedAt: _, ...plain } = client
    const next = { client: plain, freshUntil: 0, ...known?.value, usedAt }
    // Losing this race means that someone else just wrote the record; there is nothing to add to that.
    await storage.compareAndSet(key, known?.version, JSON.stringify(next), { ttl: ttl(next) })
  }

  function clientOf({ client, usedAt }: KnownDocument): Client | undefined {
    return client && (usedAt === undefined ? client : { ...client, usedAt })
  }

  function ttl({ freshUntil, usedAt }: KnownDocument): number | null {
    const usable = freshUntil - clock() + staleFor
    if (usedAt === undefined) return usable
    return clientLifetime === 0 ? null : Math.max(usable, usedAt + clientLifetime + day - clock())
  }

  /** What is not kept is read again at its next use, within the budget for that. */
  async function mayKeepAnother(context: Context): Promise<boolean> {
    try {
      await newDocuments(context)
      return true
    } catch (error) {
      if (isRefusal(error)) return false
      throw error
    }
  }

  async function load(url: string, known: Stored<KnownDocument> | undefined, context: Context): Promise<KnownDocument> {
    const { client: before, etag: tag, usedAt } = known?.value ?? {}
    const headers = new Headers({ Accept: 'application/json' })
    if (before && tag) headers.set('If-None-Match', tag)
    const response = await fetch(url, { headers }, { context, vouched: usedAt !== undefined })
    const freshUntil = clock() + cacheLifetime(response.headers)
    // A 304 that nobody asked for would make anything valid.
    if (response.status === 304 && known && before && tag) return { ...known.value, freshUntil }
    if (response.status >= 500 || response.status === 429) {
      throw hostIsAway(`its host answered with status ${response.status}`)
    }
    if (response.status !== 200) {
      throw new Refusal(400, notAccepted, `its host answered with status ${response.status}`)
    }
    const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
    if (!/^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type)) {
      throw new Refusal(400, notAccepted, 'its Content-Type is not application/json')
    }
    const client = await parseDocument(url, utf8(await response.arrayBuffer()), rules)
    const etag = response.headers.get('etag')
    return {
      client,
      freshUntil,
      ...(etag !== null && etag.length <= longestTag && { etag }),
      ...(usedAt !== undefined && { usedAt }),
    }
  }
}

/** Nothing is known about the document then: it may not be asked for now, or our store does not answer. */
function isOutage(error: unknown): boolean {
  if (isRefusal(error)) return error.status === 429
  return error instanceof GatewayError && error.code === 'temporarily_unavailable'
}

function utf8(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal(400, notAccepted, 'it is not UTF-8')
  }
}

const longestUrl = 2048
const longestShown = 200

function shown(url: string): string {
  return url.length > longestShown ? `${url.slice(0, longestShown)}…` : url
}

/**
 * Why a client id cannot be the URL of a metadata document: it is https with a path, on the public Internet, and in the one
 * spelling that a URL parser leaves as it is, so no dot segments, default port, upper-case host or raw non-ASCII
 * (draft-ietf-oauth-client-id-metadata-document section 3). Nothing is fetched for any other.
 */
function urlFault(clientId: string, origins: ReadonlySet<string> | undefined): string | undefined {
  if (clientId.length > longestUrl) return `its address has more than ${longestUrl} characters`
  if (!clientId.startsWith('https://')) return 'its address does not begin with https://'
  if (!URL.canParse(clientId)) return 'its address is no URL'
  const { origin, hostname, username, password, pathname, search, href } = new URL(clientId)
  if (username !== '' || password !== '' || /^https:\/\/[^/?#]*@/.test(clientId)) return 'its address has a user name'
  if (clientId.includes('#')) return 'its address has a fragment'
  if (pathname + search === '/') return 'its address has no path'
  if (href !== clientId || !/^https:\/\/[^/?#]+\//.test(clientId)) return `its address must be written ${shown(href)}`
  if (!isPublicHost(hostname)) return `${hostname} is not on the public Internet`
  return origins?.has(origin) === false ? `documents of ${origin} are not accepted here` : undefined
}
