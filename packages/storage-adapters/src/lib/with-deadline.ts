import { unavailable } from './unavailable.js'

/**
 * Gives the answer of a store, and rejects with `temporarily_unavailable` when it fails or takes longer than so many
 * milliseconds. What was asked goes on then, its answer is dropped. Written without `async`, for it is on every path.
 */
export function withDeadline<T>(store: string, answer: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(unavailable(store, new Error(`no answer within ${milliseconds / 1000} s`)))
    // After a busy stretch timers run before the sockets are read: a second turn lets an answer that is there through.
    let timer = setTimeout(() => {
      timer = setTimeout(expire, 0)
    }, milliseconds)
    answer.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(unavailable(store, error))
      },
    )
  })
}
