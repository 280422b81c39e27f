/** Rejects when the answer takes longer than so many milliseconds. What was asked goes on, its answer is dropped. */
export function withDeadline<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(new Error(`no answer within ${milliseconds / 1000} s`))
    // After a busy stretch timers run before the sockets are read: a second turn lets an answer that is there through.
    let timer = setTimeout(() => {
      timer = setTimeout(expire, 0)
    }, milliseconds)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
