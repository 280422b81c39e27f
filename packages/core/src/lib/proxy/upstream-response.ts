import type { StreamGuard } from '../http/guard-stream.js'

/** What is passed to `fetch`, with what Node alone understands. */
export type TransportInit = Omit<RequestInit, 'headers'> & {
  headers?: Headers
  duplex?: 'half'
  dispatcher?: unknown
  /** Whether it may be sent once more where its connection was closed without an answer. */
  isRepeatable?: boolean
}

/** What a proxy needs of an answer; every `Response` is one. */
export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: ReadableStream<Uint8Array> | null
  /** The content coding that the body still has, since nobody here can take it off. */
  readonly unknownCoding?: string
  /** Reads the body as `readStart` does, where that is cheaper than by its stream. */
  readonly begin?: (
    guard: StreamGuard,
    limit: number,
  ) => Promise<Uint8Array | ReadableStream<Uint8Array> | 'idle' | 'broken'>
}

/** Sends one request; rejects when no answer begins. */
export type Send = (url: string, init: TransportInit) => Promise<UpstreamResponse>
