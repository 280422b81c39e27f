/** What the SDKs send, to be told at a glance. */
const usual = 'application/json, text/event-stream'

/** Whether an `Accept` header takes this media type. A type with `q=0` is refused; weights otherwise do not matter. */
export function accepts(headers: Headers, type: string): boolean {
  const header = headers.get('accept')
  if (header === null || header === usual) return true
  const [family] = type.split('/')
  const ranges = header.split(',').map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()))
  // The most specific range decides (RFC 9110 section 12.5.1)
  for (const wanted of [type, `${family}/*`, '*/*']) {
    const found = ranges.find(([range]) => range === wanted)
    if (found !== undefined) return !found.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
  }
  return false
}
