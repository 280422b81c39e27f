const loopback = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?(\/|$)/

/** Whether only this machine can reach the URL, so that nothing leaves it which a key or a limit would have to protect. */
export function isLoopbackIssuer(issuer: string): boolean {
  return loopback.test(issuer)
}
