import type { Era } from '../protocol/revisions.js'

export type { Era }

/** A parsed JSON-RPC 2.0 message. */
export interface JsonRpcMessage {
  readonly jsonrpc: '2.0'
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
  readonly [key: string]: unknown
}

/**
 * One JSON-RPC message on its way through the gateway: the bytes as they arrived, and what was read of the envelope.
 * Bytes that nobody changes are never parsed twice nor serialised again, so numbers beyond 2^53, escapes and key order
 * pass as they are.
 */
export interface Message {
  /** UTF-8, one JSON object, no batch. */
  readonly bytes: Uint8Array
  readonly kind: 'request' | 'notification' | 'response'
  /** The id of a request or response. */
  readonly id?: string | number | null
  /** The method of a request or notification. */
  readonly method?: string
  /**
   * What the request is about: a tool, prompt, resource or task, by method; of `completion/complete` the prompt's name or
   * the resource's URI template. A `subscriptions/listen`, which may be about several resources, has none.
   */
  readonly name?: string
  /** The protocol revision that the request declares; `2025-03-26` where it declares none (MCP L8). */
  readonly protocolVersion?: string
  readonly era?: Era
  /**
   * The parsed message. Read-only: to change it, use `with`. The bytes are what is kept: above 4 KiB the parsed form is
   * dropped when memory is needed and parsed anew at the next call, so take from it what you need and do not compare it
   * by identity. It throws a `GatewayError` `invalid_request` for bytes that are not JSON or have more than a million
   * values, which only the unread part of a large response can be.
   */
  json(): JsonRpcMessage
  /** A message with this content in place of the old, and the same protocol version. */
  with(message: JsonRpcMessage): Message
}

/**
 * Sees each message on its way to the client, before it enters any replay history: return it unchanged, return
 * `message.with(…)`, or return `undefined` to hold it back (a response that is held back becomes an error response).
 */
export type MessageTransform = (message: Message) => Message | undefined | Promise<Message | undefined>
