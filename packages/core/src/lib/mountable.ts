import type { Handler, Mountable } from './handler.js'

/** Makes a handler mountable: adds the one-argument `fetch` that hosts call. */
export function mountable<T extends { readonly handle: Handler }>(piece: T): T & Mountable {
  return { ...piece, fetch: async (request: Request) => piece.handle(request, {}) }
}
