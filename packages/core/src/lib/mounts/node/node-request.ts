import type { IncomingMessage, ServerResponse } from 'node:http'
import { NodeRequest } from 'srvx/node'
import type { ByteBudget } from '../../http/byte-budget.js'
import { ByteBuffer, ownBytes } from '../../http/byte-buffer.js'
import { bodyReader } from '../../http/read-body.js'

/** What frameworks above us leave on a request. */
export type HostRequest = IncomingMessage & { originalUrl?: string; body?: unknown; rawBody?: unknown }

/**
 * A `Request` over Node's own that becomes a real one only when somebody needs that: constructing it costs more than
 * everything else that the adapter does.
 */
class LazyRequest extends NodeRequest {
  readonly #url: string
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage, response: ServerResponse, url: string) {
    super({ req: request, res: response } as ConstructorParameters<typeof NodeRequest>[0])
    this.#url = url
    this.#request = request
  }

  override get url(): string {
    return this.#url
  }

  [bodyReader](limit: number, budget?: ByteBudget): Promise<Uint8Array | 'too-large'> {
    return readNode(this.#request, limit, budget)
  }
}

/** Makes the `Request` of a Node request. */
export function toRequest(request: IncomingMessage, response: ServerResponse, url: string): Request {
  return new LazyRequest(request, response, url) as unknown as Request
}

function readNode(request: IncomingMessage, limit: number, budget?: ByteBudget): Promise<Uint8Array | 'too-large'> {
  return Promise.resolve(readArrived(request, limit, budget) ?? readArriving(request, limit, budget))
}

/**
 * A small body has mostly arrived together with its headers; taking it as it lies there costs a fraction of what the
 * events of a stream do.
 */
function readArrived(
  request: IncomingMessage,
  limit: number,
  budget?: ByteBudget,
): Uint8Array | 'too-large' | undefined {
  if (!request.complete || request.destroyed || request.readableEnded || request.readableFlowing !== null) return
  if (request.readableLength > limit || budget?.take(request.readableLength) === false) return 'too-large'
  const bytes = request.read() as Uint8Array | null
  return bytes === null ? undefined : ownBytes(bytes)
}

function readArriving(request: IncomingMessage, limit: number, budget?: ByteBudget): Promise<Uint8Array | 'too-large'> {
  return new Promise((resolve, reject) => {
    if (request.readableEnded) {
      resolve(new Uint8Array())
      return
    }
    if (request.destroyed) {
      reject(new DOMException('The client went away', 'AbortError'))
      return
    }
    const buffer = new ByteBuffer({ limit, budget })
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
    }
    const onData = (chunk: Uint8Array) => {
      if (buffer.add(chunk)) return
      stop()
      buffer.clear()
      request.pause()
      resolve('too-large')
    }
    const onEnd = () => {
      stop()
      resolve(buffer.take())
    }
    const onGone = () => {
      stop()
      buffer.clear()
      reject(new DOMException('The client went away', 'AbortError'))
    }
    request.on('data', onData).once('end', onEnd).once('error', onGone).once('close', onGone)
  })
}
