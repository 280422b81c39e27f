const loopback = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?(\/|$)/

/** Whether only this machine can reach the URL. */
export function isLoopbackUrl(url: string): boolean {
  return loopback.test(url)
}
