import type { Owner } from '../tokens/owner.js'

/**
 * JSON in UTF-8, one value, not parsed: so that numbers beyond 2^53, escapes and key order survive a translation. It may
 * be a part of a larger chunk, which stays in memory as long as it is kept: whoever keeps it for long copies it.
 */
export type RawJson = Uint8Array

/** A request, told from how an era writes its envelope. */
export interface EraRequest {
  readonly method: string
  /**
   * The `params` object. In its `_meta` only what both eras have in common is left: the keys of an era
   * (`io.modelcontextprotocol/protocolVersion` and its kin) are taken out by the client adapter, which tells them in
   * {@link EraCaller}, and so are `inputResponses` and `requestState`. `progressToken` stays, as the client wrote it.
   */
  readonly params?: RawJson
}

/** A notification in either direction. */
export interface EraNotification {
  readonly method: string
  readonly params?: RawJson
}

/** What a request came to: the `result` object, or the `error` object with its code read. */
export type EraAnswer = { readonly result: RawJson } | { readonly error: RawJson; readonly code: number }

/** Who stands behind one request. */
export interface EraCaller {
  /** Who the user is: what a server says that cannot be told apart goes to nobody while it serves several. */
  readonly principal: string
  /** As whom the request begins tasks and asks for them; a user without audience and scopes where it is left out. */
  readonly owner?: Owner
  /** The revision that the client speaks. */
  readonly protocolVersion: string
  /** What the client declared that it can do. */
  readonly capabilities: RawJson
  readonly clientInfo?: RawJson
  /** The least important log messages that the client wants for this request; none at all where it is absent. */
  readonly logLevel?: string
  /** Aborts when the client has cancelled the request or has gone away; its answer is not wanted any more. */
  readonly signal: AbortSignal
  /** Takes progress (with the client's own token) and log messages of this request, before its answer. */
  notify(notification: EraNotification): void
  /**
   * Asks the client (`elicitation/create`, `sampling/createMessage`, `roots/list`); several may wait at once. Always
   * resolves: with an error where the client cannot, or can no longer, be asked.
   *
   * @param signal aborts when the server does not want the answer any more
   */
  ask(request: EraRequest, signal?: AbortSignal): Promise<EraAnswer>
}

/** What a server says of itself. */
export interface EraServerInfo {
  /** The revisions of its own era that it speaks, the best first. */
  readonly versions: readonly string[]
  /** The `capabilities` object. */
  readonly capabilities: RawJson
  /** The `serverInfo` object. */
  readonly serverInfo?: RawJson
  /** The `instructions` string, with its quotes. */
  readonly instructions?: RawJson
}

/** Which notifications that belong to no request are wanted. */
export interface EraFilter {
  readonly toolsListChanged?: boolean
  readonly promptsListChanged?: boolean
  readonly resourcesListChanged?: boolean
  /** URIs of resources whose updates are wanted. */
  readonly resourceSubscriptions?: readonly string[]
}

/** A filter that a server has accepted. */
export interface EraSubscription {
  /** What of it the server will tell. */
  readonly granted: EraFilter
  /** Resolves when the server ends it; never rejects. Nothing is told after it. */
  readonly closed: Promise<void>
}

/**
 * One MCP server as no revision in particular sees it: what a server adapter makes of a {@link EraLink}, and what a
 * client adapter drives. Joining any client adapter with any server adapter serves one by the other.
 */
export interface EraServer {
  /** Asks who the server is; asked once, answered from memory afterwards. Resolves with the error where it refuses. */
  discover(): Promise<EraServerInfo | { readonly error: RawJson; readonly code: number }>
  /** Passes any request on. Always resolves, with an error where the server is gone; once cancelled, with anything. */
  call(request: EraRequest, caller: EraCaller): Promise<EraAnswer>
  notify(notification: EraNotification): void
  /** Tells of changes until the signal aborts. Resolves with the error where the server refuses. */
  subscribe(
    filter: EraFilter,
    on: (notification: EraNotification) => void,
    signal: AbortSignal,
  ): Promise<EraSubscription | { readonly error: RawJson; readonly code: number }>
}

/** Who waits for the answer of one request over a {@link EraLink}. */
export interface EraLinkCall {
  /** Whose request it is, as {@link EraCaller} names the user; what is asked for nobody in particular begins with NUL. */
  readonly principal: string
  /** As whom it begins tasks and asks for them. */
  readonly owner?: Owner
  /** The revision that the request names in itself, as those of the modern era do. */
  readonly protocolVersion?: string
  /** A notification that belongs to the request. The progress token in it is the one that the request carried. */
  related(notification: EraNotification): void
  /**
   * The answer; an error of the link's own where the server is gone or took too long. Once, nothing comes after it.
   *
   * @param isGivenUp whether the server may still be at work for the request
   */
  answered(answer: EraAnswer, isGivenUp?: boolean): void
}

/** Who hears what a server says on a link without being asked. */
export interface EraLinkListener {
  /** A notification that belongs to no request. */
  notified(notification: EraNotification): void
  /**
   * A request of the server; `answer` may be called once, later or at once.
   *
   * @returns called when the server takes its request back
   */
  asked(request: EraRequest, answer: (answer: EraAnswer) => void): () => void
  /** The server is gone; every call was answered already. */
  ended(): void
}

/**
 * A way to one server that no other client uses: a child process, an HTTP upstream. It numbers requests and rewrites
 * progress tokens, so that neither has to be unique.
 */
export interface EraLink {
  /** Set by whoever uses the link, before the first request. */
  listener: EraLinkListener
  /**
   * Sends a request.
   *
   * @returns cancels it: the server is told, and nothing more is heard of it
   */
  request(request: EraRequest, call: EraLinkCall): (reason: string) => void
  notify(notification: EraNotification): void
}
