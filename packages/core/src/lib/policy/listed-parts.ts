import {
  type Catalogue,
  type CatalogueKey,
  type CatalogueKind,
  type Listing,
  listingOf,
} from '../catalogue/catalogue.js'
import { listAll } from '../catalogue/list-all.js'
import type { ScannedLists } from '../catalogue/scan-lists.js'
import type { Context, Handler } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import type { PolicySubject } from '../contract/policy.js'
import { isObject } from '../json/is-object.js'
import { subjectClass } from './subject-class.js'

/** Who asks which server. */
export interface ListAsker {
  readonly server: string
  readonly subject: PolicySubject
}

/** What is behind a request, and can be asked for its lists. */
export interface Behind {
  readonly request: Request
  readonly context: Context
  readonly next: Handler
}

type MaybeListing = Listing | undefined | Promise<Listing | undefined>

/** The lists of a server as one caller gets them. */
export interface OwnListing {
  get(): MaybeListing
  newest(): MaybeListing
}

/** What a server lists for each of its callers, read in their own names. */
export class ListedParts {
  readonly #catalogue: Catalogue

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  of(kind: CatalogueKind, asker: ListAsker, { request, context, next }: Behind): OwnListing {
    const key = keyOf(kind, asker, request.headers.get('mcp-session-id'), context.message)
    const read = () => listAll(kind, request, context, next)
    return { get: () => this.#catalogue.get(key, read), newest: () => this.#catalogue.newest(key, read) }
  }

  /**
   * Keeps a list that goes to a client, where it is the whole one.
   *
   * @returns what is kept
   */
  learn(
    asker: ListAsker,
    session: string | null,
    message: Message,
    { bytes, scanned }: { readonly bytes: Uint8Array; readonly scanned: ScannedLists },
  ): Listing | undefined {
    const kind = kindOf(message.method)
    const params = message.json().params
    if (kind === undefined || scanned.nextCursor !== undefined || scanned.isMalformed) return undefined
    if (isObject(params) && params.cursor !== undefined) return undefined
    if (!scanned.lists.some((list) => list.kind === kind)) return undefined
    const listing = listingOf(kind, [{ bytes, scanned }])
    this.relearn(asker, session, message, listing)
    return listing
  }

  /** Keeps a list that has come again. */
  relearn(asker: ListAsker, session: string | null, message: Message, listing: Listing): void {
    const kind = kindOf(message.method)
    if (kind !== undefined) this.#catalogue.learn(keyOf(kind, asker, session, message), listing)
  }

  /** The server tells a client that a list has changed. */
  changed(kind: CatalogueKind, asker: ListAsker, session: string | null, message: Message | undefined): void {
    this.#catalogue.changed(keyOf(kind, asker, session, message))
  }
}

function kindOf(method: string | undefined): CatalogueKind | undefined {
  if (method === 'tools/list') return 'tool'
  return method === 'prompts/list' ? 'prompt' : undefined
}

function keyOf(
  kind: CatalogueKind,
  asker: ListAsker,
  session: string | null,
  message: Message | undefined,
): CatalogueKey {
  const caller = `${message?.era ?? 'legacy'} ${session ?? ''} ${classOf(asker.subject)}`
  return { kind, server: asker.server, caller }
}

const classes = new WeakMap<PolicySubject, string>()

/** All that a server may be told of its caller. */
function classOf(subject: PolicySubject): string {
  const known = classes.get(subject)
  if (known !== undefined) return known
  const own = subjectClass({ subject, env: { time: 0 } })
  classes.set(subject, own)
  return own
}
