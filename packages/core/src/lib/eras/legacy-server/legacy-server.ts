import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { gatewayInfo } from '../../protocol/gateway-info.js'
import { newestLegacy } from '../../protocol/revisions.js'
import { type EraFailure, failed } from '../era-failure.js'
import type {
  EraAnswer,
  EraCaller,
  EraFilter,
  EraLink,
  EraLinkListener,
  EraNotification,
  EraRequest,
  EraServer,
  EraServerInfo,
  EraSubscription,
  RawJson,
} from '../era-server.js'
import { membersOf } from '../members-of.js'
import { LegacyCalls } from './legacy-calls.js'
import { type Declared, LegacySubscriptions } from './legacy-subscriptions.js'
import { modernError } from './modern-error.js'
import { askForUrls } from './url-elicitation.js'

/** How to speak with a legacy server. */
export interface LegacyServerOptions {
  readonly link: EraLink
  /** What the server is told that its clients can do; nothing by default. */
  readonly capabilities?: RawJson
}

/**
 * Makes a server of the legacy era, which is told once what its client can do, one that is told so with each request. It
 * initializes the server at the first need. A question of the server is put to the client of the one call that may ask
 * (tools, prompts, resources); give a server that may ask to one such call at a time.
 *
 * @example
 * ```ts
 * function listTools(link: EraLink, caller: EraCaller) {
 *   return legacyServer({ link }).call({ method: 'tools/list' }, caller)
 * }
 * ```
 */
export function legacyServer(options: LegacyServerOptions): EraServer {
  return new LegacyServer(options)
}

class LegacyServer implements EraServer, EraLinkListener {
  readonly #link: EraLink
  readonly #capabilities: RawJson
  readonly #calls: LegacyCalls
  readonly #hasRoots: boolean
  readonly #subscriptions: LegacySubscriptions
  #discovering: Promise<EraServerInfo | EraFailure> | undefined
  #info: EraServerInfo | undefined
  #declared: Declared = {}

  constructor({ link, capabilities = rawJson('{}') }: LegacyServerOptions) {
    this.#link = link
    this.#capabilities = capabilities
    this.#hasRoots = parseSpan(capabilities, membersOf(capabilities, ['roots']).roots) !== undefined
    this.#calls = new LegacyCalls(this.#hasRoots)
    this.#subscriptions = new LegacySubscriptions(link)
    link.listener = this
  }

  discover(): Promise<EraServerInfo | EraFailure> {
    this.#discovering ??= this.#initialize()
    return this.#discovering
  }

  async call(request: EraRequest, caller: EraCaller): Promise<EraAnswer> {
    const info = this.#info ?? (await this.discover())
    if ('error' in info) return info
    if (this.#calls.held > 0) await this.#calls.askHeld(request, caller)
    for (let round = 0; ; round++) {
      if (caller.signal.aborted) return cancelled
      const answer = await this.#send(request, caller)
      if (!('error' in answer)) return answer
      // A server that needs a page to be visited first says so by an error, and wants to be called again
      if (!(await askForUrls(answer, caller, round))) return modernError(answer)
    }
  }

  notify(notification: EraNotification): void {
    this.#link.notify(notification)
  }

  async subscribe(
    filter: EraFilter,
    on: (notification: EraNotification) => void,
    signal: AbortSignal,
  ): Promise<EraSubscription | EraFailure> {
    const info = await this.discover()
    return 'error' in info ? info : this.#subscriptions.add(filter, this.#declared, on, signal)
  }

  notified(notification: EraNotification): void {
    if (!this.#subscriptions.tell(notification)) this.#calls.tell(notification)
  }

  asked(request: EraRequest, answer: (answer: EraAnswer) => void): () => void {
    if (request.method === 'ping') {
      answer({ result: nothing })
      return () => undefined
    }
    return this.#calls.ask(request, answer)
  }

  ended(): void {
    this.#subscriptions.close()
    this.#calls.close()
  }

  async #initialize(): Promise<EraServerInfo | EraFailure> {
    const params = rawJson(
      `{"protocolVersion":"${newestLegacy}","capabilities":`,
      this.#capabilities,
      `,"clientInfo":${JSON.stringify(gatewayInfo)}}`,
    )
    const answer = await this.#ask({ method: 'initialize', params })
    if ('error' in answer) return answer
    // Kept for as long as the server lives, so not as a part of what it wrote
    const result = answer.result.slice()
    const { protocolVersion, capabilities, serverInfo, instructions } = membersOf(result, known)
    const version = parseSpan(result, protocolVersion)
    if (typeof version !== 'string' || capabilities === undefined) return failed('The server does not speak MCP')
    this.#declared = (parseSpan(result, capabilities) ?? {}) as Declared
    this.#link.notify({ method: 'notifications/initialized' })
    // A server that wants to know the roots asks at once; it is at its work when it answers this
    if (this.#hasRoots) await this.#ask({ method: 'ping' })
    this.#info = {
      versions: [version],
      capabilities: at(result, capabilities),
      ...(serverInfo === undefined ? {} : { serverInfo: at(result, serverInfo) }),
      ...(instructions === undefined ? {} : { instructions: at(result, instructions) }),
    }
    return this.#info
  }

  #ask(request: EraRequest): Promise<EraAnswer> {
    return new Promise((answered) => {
      this.#link.request(request, { principal: '\0gateway', related: () => undefined, answered })
    })
  }

  #send(request: EraRequest, caller: EraCaller): Promise<EraAnswer> {
    return new Promise((resolve) => {
      const call = this.#calls.begin(request.method, caller)
      const level = this.#declared.logging === undefined ? undefined : this.#calls.levelToSet(caller.logLevel)
      if (level !== undefined) void this.#ask({ method: 'logging/setLevel', params: rawJson(`{"level":"${level}"}`) })
      const { signal, principal, owner } = caller
      let cancel: (reason: string) => void = () => undefined
      const abort = () => {
        this.#calls.end(call, true)
        cancel(typeof signal.reason === 'string' ? signal.reason : 'The request was cancelled')
        resolve(cancelled)
      }
      signal.addEventListener('abort', abort, { once: true })
      // A link that is over answers at once
      cancel = this.#link.request(request, {
        principal,
        ...(owner === undefined ? {} : { owner }),
        related: (notification) => this.#calls.relate(call, notification),
        answered: (answer, isGivenUp) => {
          signal.removeEventListener('abort', abort)
          this.#calls.end(call, isGivenUp)
          resolve(answer)
        },
      })
    })
  }
}

const known = ['protocolVersion', 'capabilities', 'serverInfo', 'instructions'] as const
const nothing = rawJson('{}')
const cancelled = failed('The request was cancelled')
