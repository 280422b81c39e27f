/** Errors of requests whose connection never stood. */
const unsent = new WeakSet<object>()

/** Says of an error that its request had no connection yet, so that nothing of it was sent. */
export function markUnsent(error: object): void {
  unsent.add(error)
}

/** What `fetch` says of connections that never stood. */
const unreachable = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** What it says of a certificate that cannot be trusted, or of a server that speaks no TLS. */
const untrusted =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|ERR_SSL_(?:WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|CERTIFICATE_VERIFY_FAILED|NO_PROTOCOLS_AVAILABLE)$)/

/** Alerts by which a server refuses a handshake (RFC 8446 section 6.2), in TLS 1.3 after the client has finished its part. */
const refusedHandshake =
  /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(?:HANDSHAKE_FAILURE|NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN|REQUIRED)|UNKNOWN_CA|ACCESS_DENIED|PROTOCOL_VERSION|INSUFFICIENT_SECURITY|UNRECOGNIZED_NAME|NO_APPLICATION_PROTOCOL|MISSING_EXTENSION)$/

const onConnection = new Set(['read', 'write', 'shutdown'])

/** Whether a failed request cannot have reached the upstream, so that another may be tried with it. */
export function neverArrived(error: unknown): boolean {
  return isUnreachable(error) || (error instanceof Error && isUnreachable(error.cause))
}

function isUnreachable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if (unsent.has(error)) return true
  const code = codeOf(error)
  if (untrusted.test(code) || refusedHandshake.test(code)) return true
  // A connection that stood can time out too, long after the request was sent
  return unreachable.has(code) && !('syscall' in error && onConnection.has(String(error.syscall)))
}

const closed = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET'])

/** Whether a connection ended without an answer, as a kept one does that the upstream has just closed. */
export function isClosed(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return typeof cause === 'object' && cause !== null && closed.has(codeOf(cause))
}

function codeOf(error: object): string {
  return 'code' in error ? String(error.code) : ''
}
