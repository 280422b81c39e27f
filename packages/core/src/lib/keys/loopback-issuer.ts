import { isLoopback } from '../http/loopback.js'

/**
 * Whether only this machine can reach the URL (http or https, without user), so that nothing leaves it which a key or a
 * limit would have to protect. Loopback is 127.0.0.0/8, `[::1]` and `localhost`.
 */
export function isLoopbackIssuer(issuer: string): boolean {
  if (!/^https?:\/\//i.test(issuer) || !URL.canParse(issuer)) return false
  const url = new URL(issuer)
  return url.username === '' && url.password === '' && isLoopback(url)
}
