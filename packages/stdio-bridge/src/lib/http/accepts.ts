/** What the SDKs send, to be told at a glance. */
const usual = 'application/json, text/event-stream'

/** Whether an `Accept` header takes this media type. A type with `q=0` is refused; weights otherwise do not matter. */
export function accepts(headers: Headers, type: string): boolean {
  const header = headers.get('accept')
  if (header === null || header === usual) return true
  const [family] = type.split('/')
  return header.split(',').some((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) return false
    return range === type || range === `${family}/*` || range === '*/*'
  })
}
