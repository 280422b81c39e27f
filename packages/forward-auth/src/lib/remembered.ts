import type { AuthInfo } from '@mcp-gateway/core'

/** What was made of a verified token, as long as its verifier remembers the token. */
export type Remembered<T> = WeakMap<object, { readonly token: string; readonly value: T }>

/**
 * What was made of this token before, or what is made of it now. Our verifiers give the same frozen `extra` for a token
 * that they remember; whatever else comes is made anew each time.
 */
export function remembered<T>(known: Remembered<T>, { extra, token }: AuthInfo, make: () => T): T {
  const before = extra === undefined ? undefined : known.get(extra)
  if (before !== undefined && before.token === token) return before.value
  const value = make()
  if (extra !== undefined && Object.isFrozen(extra)) known.set(extra, { token, value })
  return value
}
