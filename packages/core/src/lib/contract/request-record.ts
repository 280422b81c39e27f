import type { AuthInfo } from './auth-info.js'
import type { Era } from './message.js'
import type { ShadowDecision } from './policy.js'

/** Moments of a request, in milliseconds on the clock of `performance.now()`; with `performance.timeOrigin` they are times of day. */
export interface RequestTimes {
  /** The gateway got the request. */
  readonly start: number
  /** It was decided about the access token, whichever way. */
  tokenChecked?: number
  /** The server behind was asked; where it was asked several times, the first. */
  upstreamAsked?: number
  /** The answer began: its status is known, and of a body that is no stream all of it. */
  firstByte?: number
  /** The last byte of the answer was handed to the host, or nobody reads it any more. */
  end?: number
}

/** Which part of the gateway a path belongs to. */
export interface RequestRoute {
  readonly kind: 'server' | 'metadata' | 'authority' | 'vault' | 'route'
  /** The path as it was configured; of `authority` and `vault`, which have several of their own, none. */
  readonly path?: string
}

/** What is told of a JSON-RPC message. Its arguments are not in it. */
export interface RecordedMessage {
  readonly era?: Era
  /** The MCP method. */
  readonly method?: string
  readonly id?: string | number | null
  /** What it is about: the name of a tool or prompt, the URI of a resource, the id of a task. */
  readonly target?: string
}

/** What a server answered to a request, as the client gets it. Written down where an observer has a middleware that looks. */
export interface RecordedAnswer {
  /** `tool_error` for a result with `isError`, `error` for a JSON-RPC error, `input_required` for a question to the client. */
  readonly kind: 'result' | 'tool_error' | 'error' | 'input_required'
  /** The JSON-RPC code, of an error. */
  readonly code?: number
  /** Bytes of the message. */
  readonly bytes: number
}

/** The span of a trace that a request is (W3C Trace Context section 3.2.2). */
export interface RecordedTrace {
  readonly traceId: string
  readonly spanId: string
  /** Whether the trace is kept somewhere. */
  readonly isSampled: boolean
}

/** Why a request was refused. It is for the operator: it may repeat what a stranger has sent, and no client gets to see it. */
export interface RequestRefusal {
  /** Who refused: the name of the middleware or handler, such as `bearerAuth`. */
  readonly by: string
  /** The code of the refusal in the terms of who refused: `invalid_token`, a JSON-RPC error code. */
  readonly code: string | number
  /** The reason of the verifier, the policy or the check, in words. */
  readonly reason?: string
  /**
   * What is behind the reason: of our own verifiers `{ seen, expected }`, such as the audience that the token names and those
   * that are accepted; of `anyVerifier` the errors of all its verifiers.
   */
  readonly cause?: unknown
  /** The scopes that are needed, where one is missing. */
  readonly scopes?: readonly string[]
}

/** What came of asking the server behind. */
export interface RecordedUpstream {
  /** Its address, without credentials and query. */
  readonly server: string
  /** The HTTP status of its answer; absent where none began. */
  readonly status?: number
  /** Milliseconds from the question until the answer began, or until it was known that none would. */
  readonly duration: number
}

/** What became of a request: let through, refused, or failed. */
export type RequestDecision = 'allow' | 'deny' | 'error'

/**
 * What the layers of a gateway learn about one request. Each layer writes what it knows; the access line, metrics, spans and
 * audit read it. It is one object for the whole request, and stays the same one when the context is extended. Nothing in it
 * decides anything. Of a batch it tells of the message that was read last, and of the first refusal; each message has a
 * record of its own in `parts`.
 */
export interface RequestRecord {
  readonly requestId: string
  /** The HTTP method. */
  readonly method: string
  /** The path, without the query. */
  readonly path: string
  /** The host that the request names, as the client wrote it. Never decide by it. */
  readonly host: string
  /** The header `traceparent`, as the client wrote it (W3C Trace Context section 3.2). */
  readonly traceparent?: string
  /** The header `User-Agent`, as the client wrote it. */
  readonly userAgent?: string
  /** The peer's IP address, where the host tells one. */
  readonly clientAddress?: string
  /** The gateway's own span of it, where it is traced. */
  trace?: RecordedTrace
  readonly times: RequestTimes
  /** Where the path led; absent where it led nowhere. */
  route?: RequestRoute
  /** The token that the verifier accepted, even where the request was refused then, as for want of a scope. */
  auth?: AuthInfo
  /**
   * The OAuth client of a request to the authorization server, where it is a known one: it was found, which does not say that it
   * has proved who it is. Of a request with a token, `auth` names it.
   */
  clientId?: string
  /** The protected resource. */
  resource?: string
  /**
   * What stands for the session: the first 16 hexadecimal digits of the SHA-256 of the session id that the client has, which
   * is a secret. Known when the answer begins.
   */
  session?: string
  /** Bytes of the body that came in, once all of it was read. */
  requestBytes?: number
  message?: RecordedMessage
  /** What came back for the message, once it has. */
  answer?: RecordedAnswer
  /**
   * Of a batch: what is known of each of its messages, in their order. What is not of one message alone (who asked, the
   * session, bytes, the end) is that of the whole request.
   */
  parts?: readonly RequestRecord[]
  refusal?: RequestRefusal
  upstream?: RecordedUpstream
  /** Set by whoever refuses; in the end by the status where nobody has: 401, 403 and 429 are `deny`, 5xx is `error`. */
  decision?: RequestDecision
  /** The ids of the rules by which a policy decided, whichever way. */
  policies?: readonly string[]
  /** What a policy that is only tried out would have decided. */
  shadow?: ShadowDecision
  /** The HTTP status of the answer. */
  status?: number
  /** Bytes of the answer's body. Counted only where the gateway has an observer, and known once the body has ended. */
  responseBytes?: number
  /**
   * Calls the listener when the answer has ended (`times.end` and `responseBytes` are set then): at once where it has,
   * otherwise when its stream ends, breaks or is cancelled. Streams are followed only where the gateway has an observer.
   * What the listener throws is logged.
   */
  onEnd(listener: () => void): void
}

/**
 * Writes down who refused a request and why. The first refusal stands: it is that of the innermost layer.
 *
 * @param record that of the request; without one nothing happens
 * @param decision `error` where the request failed rather than was refused
 */
export function recordRefusal(
  record: RequestRecord | undefined,
  refusal: RequestRefusal,
  decision: 'deny' | 'error' = 'deny',
): void {
  if (record === undefined || record.refusal !== undefined) return
  record.refusal = refusal
  record.decision = decision
}

/** Makes the records of the messages of a batch, and keeps them as `parts` of that of the request. */
export function recordParts(record: RequestRecord, messages: readonly RecordedMessage[]): readonly RequestRecord[] {
  const parts = messages.map((message): RequestRecord => {
    const own: Partial<RequestRecord> = {
      times: Object.create(record.times),
      message,
      parts: undefined,
      trace: undefined,
      refusal: undefined,
      upstream: undefined,
      decision: undefined,
      policies: undefined,
      shadow: undefined,
      onEnd: (listener) => record.onEnd(listener),
    }
    // What it does not have itself is that of the whole request, whenever that is learned
    return Object.assign(Object.create(record), own)
  })
  record.parts = parts
  return parts
}

/** Writes down for the whole request what is told of the first message of a batch that was refused. */
export function joinParts(record: RequestRecord): void {
  for (const { refusal, decision, upstream, message, policies, shadow } of record.parts ?? []) {
    record.message = message
    record.upstream = upstream ?? record.upstream
    record.policies = policies ?? record.policies
    record.shadow = shadow ?? record.shadow
    if (refusal !== undefined) recordRefusal(record, refusal, decision === 'error' ? 'error' : 'deny')
  }
}
