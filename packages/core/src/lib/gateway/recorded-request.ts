import type { AuthInfo } from '../contract/auth-info.js'
import type { ShadowDecision } from '../contract/policy.js'
import type {
  RecordedAnswer,
  RecordedMessage,
  RecordedTrace,
  RecordedUpstream,
  RequestDecision,
  RequestRecord,
  RequestRefusal,
  RequestRoute,
  RequestTimes,
} from '../contract/request-record.js'
import { BytesResponse } from '../http/bytes-response.js'
import { onBodyEnd } from '../http/on-body-end.js'
import { hostOf } from './hosts.js'

/** What is known of a request from the start. */
export interface RequestStart {
  readonly requestId: string
  readonly path: string
  readonly clientAddress: string | undefined
  /** Hears what a listener throws. */
  readonly onError: (error: unknown) => void
}

/** The record of one request. All its members are there from the start: objects that grow are slow. */
export class RecordedRequest implements RequestRecord {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly host: string
  readonly traceparent: string | undefined
  readonly userAgent: string | undefined
  readonly clientAddress: string | undefined
  readonly times: RequestTimes = {
    start: performance.now(),
    tokenChecked: undefined,
    upstreamAsked: undefined,
    firstByte: undefined,
    end: undefined,
  }
  trace: RecordedTrace | undefined = undefined
  route: RequestRoute | undefined = undefined
  auth: AuthInfo | undefined = undefined
  clientId: string | undefined = undefined
  resource: string | undefined = undefined
  requestBytes: number | undefined = undefined
  message: RecordedMessage | undefined = undefined
  answer: RecordedAnswer | undefined = undefined
  parts: readonly RequestRecord[] | undefined = undefined
  refusal: RequestRefusal | undefined = undefined
  upstream: RecordedUpstream | undefined = undefined
  decision: RequestDecision | undefined = undefined
  policies: readonly string[] | undefined = undefined
  shadow: ShadowDecision | undefined = undefined
  status: number | undefined = undefined
  session: string | undefined = undefined
  responseBytes: number | undefined = undefined
  #listeners: (() => void)[] | undefined = undefined
  readonly #onError: (error: unknown) => void

  constructor(request: Request, { requestId, path, clientAddress, onError }: RequestStart) {
    const { headers, url } = request
    this.requestId = requestId
    this.method = request.method
    this.path = path
    this.host = headers.get('host') ?? hostOf(url)
    this.traceparent = headers.get('traceparent') ?? undefined
    this.userAgent = headers.get('user-agent') ?? undefined
    this.clientAddress = clientAddress
    this.#onError = onError
  }

  onEnd(listener: () => void): void {
    if (this.times.end !== undefined) this.#tell(listener)
    else if (this.#listeners === undefined) this.#listeners = [listener]
    else this.#listeners.push(listener)
  }

  /** The answer begins. */
  began({ status }: Response): void {
    this.times.firstByte = performance.now()
    this.status = status
    this.decision ??= decisionOf(status)
  }

  /** Finds out when the answer ends and how long it is; to be called once. */
  follow(response: Response): Response {
    const content = BytesResponse.contentOf(response)
    if (content === undefined && response.body !== null) return onBodyEnd(response, (bytes) => this.#ended(bytes))
    this.#ended(content === undefined ? 0 : lengthOf(content))
    return response
  }

  #ended(bytes: number): void {
    this.responseBytes = bytes
    this.times.end = performance.now()
    for (const listener of this.#listeners?.splice(0) ?? []) this.#tell(listener)
  }

  #tell(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.#onError(error)
    }
  }
}

/** What the status says where no layer has said more: an upstream refuses and fails by its status alone. */
function decisionOf(status: number): RequestDecision {
  if (status === 401 || status === 403 || status === 429) return 'deny'
  return status >= 500 ? 'error' : 'allow'
}

const encoder = new TextEncoder()

function lengthOf(content: string | Uint8Array): number {
  return typeof content === 'string' ? encoder.encode(content).length : content.length
}
