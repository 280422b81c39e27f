/** The path of a request's URL, which the `Request` has normalised, without the cost of a `URL` object. */
export function requestPath(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  if (start === -1) return '/'
  let end = start
  for (; end < url.length; end++) {
    const code = url.charCodeAt(end)
    if (code === 0x3f || code === 0x23) break
  }
  return url.slice(start, end)
}
