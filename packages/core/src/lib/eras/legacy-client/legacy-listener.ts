import { rawJson } from '../../json/raw-json.js'
import { errorCodes, gatewayCode } from '../../protocol/error-codes.js'
import { type EraFailure, failed } from '../era-failure.js'
import type { EraAnswer, EraFilter, EraNotification, EraServer } from '../era-server.js'
import type { Tells } from './legacy-initialize.js'

/** Resources that one client may watch, and how long their URIs may be, in characters. */
const maxWatched = 1000
const maxUri = 8192
/** Seconds until a subscription that ended by itself is opened again; doubled each time. */
const firstPause = 0.25
const longestPause = 60

const empty = rawJson('{}')

/**
 * Keeps the one subscription of a legacy client: to the changes of every list that the server tells of, and to the
 * resources that the client watches. What it is about changes with them; one that ends is opened again.
 */
export class LegacyListener {
  readonly #server: EraServer
  readonly #notified: (notification: EraNotification) => void
  readonly #watched: Set<string> = new Set()
  #tells: Tells | undefined
  #current: AbortController | undefined
  #opening: AbortController | undefined
  #granted: EraFilter = {}
  #changing: Promise<EraFailure | undefined> = Promise.resolve(undefined)
  #pause = firstPause
  #timer: ReturnType<typeof setTimeout> | undefined
  #isClosed = false

  constructor(server: EraServer, notified: (notification: EraNotification) => void) {
    this.#server = server
    this.#notified = notified
  }

  /** The server has said what it tells of. */
  offer(tells: Tells): void {
    this.#tells = tells
    if (tells.toolsListChanged || tells.promptsListChanged || tells.resourcesListChanged) void this.#change()
  }

  /** Watches a resource. */
  async watch(uri: string): Promise<EraAnswer> {
    if (this.#tells?.subscriptions !== true)
      return failed('The server does not tell of changes of resources', errorCodes.methodNotFound)
    if (this.#watched.has(uri)) return { result: empty }
    if (this.#watched.size >= maxWatched || uri.length > maxUri) {
      return failed(
        `A session may watch ${maxWatched} resources, with URIs of up to ${maxUri} characters`,
        gatewayCode(429),
      )
    }
    this.#watched.add(uri)
    const failure = await this.#change()
    if (failure === undefined && this.#granted.resourceSubscriptions?.includes(uri) === true) return { result: empty }
    this.#watched.delete(uri)
    return failure ?? failed('The server does not tell of changes of this resource', errorCodes.invalidParams)
  }

  async unwatch(uri: string): Promise<EraAnswer> {
    if (this.#watched.delete(uri)) await this.#change()
    return { result: empty }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#opening?.abort()
    this.#current?.abort()
    this.#current = undefined
  }

  /** Opens a subscription to what is wanted now; one after the other, so that the last one stands. */
  #change(): Promise<EraFailure | undefined> {
    this.#changing = this.#changing.then(() => this.#open())
    return this.#changing
  }

  async #open(): Promise<EraFailure | undefined> {
    clearTimeout(this.#timer)
    if (this.#isClosed) return failed('The session is over')
    const old = this.#current
    const filter = this.#filter()
    if (filter === undefined) {
      this.#current = undefined
      old?.abort()
      return undefined
    }
    const controller = new AbortController()
    // The old one tells until the new one does, so that nothing is missed or told twice. Where there is no old one, the
    // new one may tell something in the same moment in which it is accepted
    const on = (notification: EraNotification) => {
      if ((this.#current ?? this.#opening) === controller) this.#notified(notification)
    }
    this.#opening = controller
    const opened = await this.#server.subscribe(filter, on, controller.signal)
    if ('error' in opened) return opened
    if (this.#isClosed) return failed('The session is over')
    this.#current = controller
    this.#granted = opened.granted
    old?.abort()
    void opened.closed.then(() => this.#lost(controller))
    return undefined
  }

  #lost(controller: AbortController): void {
    if (this.#current !== controller || this.#isClosed) return
    this.#current = undefined
    this.#openAgain()
  }

  #openAgain(): void {
    this.#timer = setTimeout(() => {
      void this.#change().then((failure) => {
        if (failure === undefined) this.#pause = firstPause
        else if (this.#current === undefined && !this.#isClosed) this.#openAgain()
      })
    }, this.#pause * 1000)
    this.#pause = Math.min(this.#pause * 2, longestPause)
  }

  #filter(): EraFilter | undefined {
    const { toolsListChanged, promptsListChanged, resourcesListChanged } = this.#tells ?? {}
    const filter = {
      ...(toolsListChanged ? { toolsListChanged } : {}),
      ...(promptsListChanged ? { promptsListChanged } : {}),
      ...(resourcesListChanged ? { resourcesListChanged } : {}),
      ...(this.#watched.size > 0 ? { resourceSubscriptions: [...this.#watched] } : {}),
    }
    return Object.keys(filter).length > 0 ? filter : undefined
  }
}
