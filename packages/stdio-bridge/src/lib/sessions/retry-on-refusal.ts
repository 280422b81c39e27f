import type { Waiter } from '../connection/peer.js'

/**
 * A waiter for a request that may be refused because it went to the wrong place: then `find` looks for another, once,
 * and `again` asks there. Where `find` is refused too, the client gets the first refusal.
 */
export function retryOnRefusal(waiter: Waiter, find: () => Promise<boolean>, again: () => void): Waiter {
  return {
    ...waiter,
    answer: (bytes, code) => {
      if (bytes !== undefined && code === undefined) {
        waiter.answer(bytes)
        return
      }
      // What the child wrote may be part of a chunk that is used again
      const refusal = bytes && Buffer.from(bytes)
      const isFound = find().catch(() => false)
      void isFound.then((found) => {
        if (found) again()
        else waiter.answer(refusal, code)
      })
    },
  }
}
