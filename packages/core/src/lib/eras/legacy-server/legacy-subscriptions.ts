import { member } from '../../json/json-scan.js'
import { parseSpan, rawJson } from '../../json/raw-json.js'
import type { EraFilter, EraLink, EraNotification, EraSubscription } from '../era-server.js'

/** What of its capabilities a legacy server is asked about. */
export interface Declared {
  readonly logging?: unknown
  readonly tools?: { readonly listChanged?: unknown }
  readonly prompts?: { readonly listChanged?: unknown }
  readonly resources?: { readonly listChanged?: unknown; readonly subscribe?: unknown }
}

interface Subscriber {
  readonly granted: EraFilter
  readonly on: (notification: EraNotification) => void
  readonly close: () => void
}

const listChanged: Readonly<Record<string, keyof EraFilter>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
}
const updated = 'notifications/resources/updated'

/** Who wants to hear of which changes at a legacy server, which tells them all to the one client that it knows. */
export class LegacySubscriptions {
  readonly #link: EraLink
  readonly #subscribers: Set<Subscriber> = new Set()
  /** Who watches a resource; the server is asked once for all of them. */
  readonly #watched: Map<string, { count: number; readonly isTold: Promise<boolean> }> = new Map()

  #isClosed = false

  constructor(link: EraLink) {
    this.#link = link
  }

  /** Begins to tell; what the server does not offer is not granted. */
  async add(
    filter: EraFilter,
    { tools, prompts, resources }: Declared,
    on: (notification: EraNotification) => void,
    signal: AbortSignal,
  ): Promise<EraSubscription> {
    const lists: EraFilter = {
      ...(filter.toolsListChanged && tools?.listChanged === true ? { toolsListChanged: true } : {}),
      ...(filter.promptsListChanged && prompts?.listChanged === true ? { promptsListChanged: true } : {}),
      ...(filter.resourcesListChanged && resources?.listChanged === true ? { resourcesListChanged: true } : {}),
    }
    const wanted = resources?.subscribe === true ? [...new Set(filter.resourceSubscriptions)] : []
    const watched = wanted.map((uri) => this.#watch(uri))
    let close: () => void = () => undefined
    const closed = new Promise<void>((resolve) => {
      close = resolve
    })
    const uris = filter.resourceSubscriptions === undefined ? {} : { resourceSubscriptions: wanted }
    const subscriber = { granted: { ...lists, ...uris }, on, close }
    this.#subscribers.add(subscriber)
    if (this.#isClosed) this.close()
    const end = () => {
      if (this.#subscribers.delete(subscriber)) for (const uri of wanted) this.#unwatch(uri)
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    const told = await Promise.all(watched)
    const granted = wanted.filter((_uri, index) => told[index] === true)
    return { granted: { ...lists, ...(wanted.length > 0 ? { resourceSubscriptions: granted } : {}) }, closed }
  }

  /** Tells those whom a notification concerns; whether it is one of a change at all. */
  tell(notification: EraNotification): boolean {
    const { method, params } = notification
    const list = listChanged[method]
    if (list === undefined && method !== updated) return false
    const uri = params && parseSpan(params, member(params, { start: 0, end: params.length }, 'uri'))
    for (const { granted, on } of this.#subscribers) {
      const isConcerned = list !== undefined ? granted[list] : granted.resourceSubscriptions?.some((one) => one === uri)
      if (isConcerned) on(notification)
    }
    return true
  }

  /** The server is gone. */
  close(): void {
    this.#isClosed = true
    for (const { close } of this.#subscribers) close()
    this.#subscribers.clear()
    this.#watched.clear()
  }

  #watch(uri: string): Promise<boolean> {
    const known = this.#watched.get(uri)
    if (known !== undefined) {
      known.count++
      return known.isTold
    }
    const isTold = this.#send('resources/subscribe', uri)
    this.#watched.set(uri, { count: 1, isTold })
    return isTold
  }

  #unwatch(uri: string): void {
    const known = this.#watched.get(uri)
    if (known === undefined || --known.count > 0) return
    this.#watched.delete(uri)
    void this.#send('resources/unsubscribe', uri)
  }

  #send(method: string, uri: string): Promise<boolean> {
    const request = { method, params: rawJson(`{"uri":${JSON.stringify(uri)}}`) }
    return new Promise((resolve) => {
      this.#link.request(request, {
        principal: '\0gateway',
        related: () => undefined,
        answered: (answer) => resolve('result' in answer),
      })
    })
  }
}
