import type { Handler, Mountable } from '../contract/handler.js'
import { withMethods } from '../contract/option-types.js'
import { BytesResponse } from './bytes-response.js'

/** Makes a handler mountable: adds the one-argument `fetch` that hosts call. */
export function mountable<T extends { readonly handle: Handler }>(piece: T): T & Mountable {
  withMethods('an object with a handle function', 'handle')(piece, 'The piece of mountable')
  return { ...piece, fetch: async (request: Request) => BytesResponse.toPlain(await piece.handle(request, {})) }
}
