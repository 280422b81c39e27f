import type { EraFailure } from '../era-failure.js'
import type {
  EraAnswer,
  EraCaller,
  EraFilter,
  EraNotification,
  EraRequest,
  EraServer,
  EraServerInfo,
  EraSubscription,
} from '../era-server.js'
import { type HttpLink, sessionLost } from './http-link.js'

/** A server in one session. */
interface InSession {
  readonly link: HttpLink
  readonly server: EraServer
}

/**
 * A legacy server over HTTP whose session is opened anew where the server has lost it (MCP L7). A request that was refused
 * for that reason was not executed, and is sent once more in the new session. What the server may have begun is not.
 */
export class RenewedServer implements EraServer {
  readonly #open: (last: HttpLink | undefined) => InSession
  #current: InSession

  /** @param open opens a session; gets the link of the one that was lost */
  constructor(open: (last: HttpLink | undefined) => InSession) {
    this.#open = open
    this.#current = open(undefined)
  }

  /** The link of the session that was opened last. */
  get link(): HttpLink {
    return this.#current.link
  }

  discover(): Promise<EraServerInfo | EraFailure> {
    return this.#twice((server) => server.discover(), new AbortController().signal)
  }

  call(request: EraRequest, caller: EraCaller): Promise<EraAnswer> {
    return this.#twice((server) => server.call(request, caller), caller.signal)
  }

  notify(notification: EraNotification): void {
    this.#current.server.notify(notification)
  }

  subscribe(
    filter: EraFilter,
    on: (notification: EraNotification) => void,
    signal: AbortSignal,
  ): Promise<EraSubscription | EraFailure> {
    return this.#twice((server) => server.subscribe(filter, on, signal), signal)
  }

  async #twice<T extends object>(ask: (server: EraServer) => Promise<T>, signal: AbortSignal): Promise<T> {
    const answer = await ask(this.#inSession())
    const isLost = 'error' in answer && answer.error === sessionLost.error
    return isLost && !signal.aborted ? ask(this.#inSession()) : answer
  }

  #inSession(): EraServer {
    if (this.#current.link.isLost) this.#current = this.#open(this.#current.link)
    return this.#current.server
  }
}
