import { rawJson } from './raw-json.js'

/** A piece of JSON as it stands in a message. */
type Raw = string | Uint8Array

/** A response's `result` or `error`. */
export type RawAnswer = { readonly result: Raw } | { readonly error: Raw }

/** The head of a whole message up to its id. */
export const openingWithId: Uint8Array = rawJson('{"jsonrpc":"2.0","id":')
/** What stands between a response's id and its result. */
export const resultKey: Uint8Array = rawJson(',"result":')
/** The end of a whole message. */
export const closing: Uint8Array = rawJson('}')
const errorKey = rawJson(',"error":')
const paramsKey = rawJson(',"params":')

/** A request as a whole message (JSON-RPC 2.0 section 4); id and params are JSON already. */
export function rawRequest(id: string | number, method: string, params?: Raw): Uint8Array {
  return withParams(requestHead(id, method), params)
}

/** The head of a request up to its method, behind which its params or its end stand. */
export function requestHead(id: string | number, method: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`
}

/** A notification as a whole message (JSON-RPC 2.0 section 4.1); params are JSON already. */
export function rawNotification(method: string, params?: Raw): Uint8Array {
  return withParams(`{"jsonrpc":"2.0","method":${JSON.stringify(method)}`, params)
}

/** A response as a whole message (JSON-RPC 2.0 section 5); id, result and error are JSON already. */
export function rawResponse(id: Raw, answer: RawAnswer): Uint8Array {
  return 'result' in answer
    ? rawJson(openingWithId, id, resultKey, answer.result, closing)
    : rawJson(openingWithId, id, errorKey, answer.error, closing)
}

function withParams(head: string, params: Raw | undefined): Uint8Array {
  return params === undefined ? rawJson(`${head}}`) : rawJson(head, paramsKey, params, closing)
}
