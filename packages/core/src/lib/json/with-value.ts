import type { Span } from './json-scan.js'
import { splice } from './splice.js'

/** The object with another value at this place. */
export function withValue(object: Uint8Array, span: Span, bytes: Uint8Array): Uint8Array {
  return splice(object, [{ ...span, bytes }], (length) => new Uint8Array(length))
}
