/** Fails the case unless both say the same in JSON; `undefined` is told from everything else. */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [describe(actual), describe(expected)]
  if (is !== should) throw new Error(`${what}: expected ${should}, got ${is}`)
}

/** Fails the case unless the condition holds. */
export function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

/** Fails the case unless the promise rejects, and gives the reason. */
export async function expectRejection(promise: Promise<unknown>, what: string): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (reason: unknown) => ({ reason }),
  )
  if ('reason' in outcome) return outcome.reason as Error
  throw new Error(`${what}: expected a rejection, got ${describe(outcome.value)}`)
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_, part) => (part === undefined ? 'undefined' : part)) ?? 'undefined'
}
