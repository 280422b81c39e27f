import { GatewayError } from '@mcp-gateway/core'
import { Refusal } from '@mcp-gateway/core/internal'

/** The host of what a client named cannot be asked now; it may be another time. */
export const hostAway = 'host_away'
/** What a client named must not be asked for, or answered what must not be believed. */
export const notAccepted = 'not_accepted'

/**
 * What a failed fetch of something that a stranger named says about that, as a refusal of the request that named it. The
 * description is for whoever named it: it does not tell a name that leads into a private network from one that does not
 * exist. The reason is for the log.
 *
 * @returns `undefined` for what is no fault of the stranger: our own budget, or a fault of ours
 */
export function unreadable(url: string, error: unknown): Refusal | undefined {
  if (!(error instanceof GatewayError)) return undefined
  if (error.code === 'outbound_refused') return new Refusal(400, notAccepted, error.message)
  // `boundedFetch` says what broke; what the budget refuses has no cause
  if (error.code !== 'temporarily_unavailable' || error.cause === undefined) return undefined
  const { origin, hostname } = new URL(url)
  const { code, isTimeout, ofName } = look(error.cause)
  const why = wordsFor(code, isTimeout, ofName)
  const told = why === noAddress ? `${hostname} is not on the public Internet` : `${origin} ${why}`
  return hostIsAway(told, `${origin} ${why}${code === '' ? '' : ` (${code})`}`)
}

/** The refusal where a host answers, and not with what it was asked for. */
export function hostIsAway(description: string, reason: string = description): Refusal {
  return new Refusal(400, hostAway, description, { reason })
}

const noAddress = 'has no address'

function wordsFor(code: string, isTimeout: boolean, ofName: boolean): string {
  if (/^(?:ENOTFOUND|ENODATA|ENONAME|EBADNAME|EBADQUERY)$/.test(code)) return noAddress
  if (ofName || /^(?:EAI_AGAIN|ESERVFAIL|ETIMEOUT|ECANCELLED|EREFUSED)$/.test(code))
    return 'has a name that cannot be resolved now'
  if (isTimeout || code === 'ETIMEDOUT') return 'does not answer in time'
  if (code === 'ECONNREFUSED') return 'refuses the connection'
  if (/^(?:ECONNRESET|ECONNABORTED|EPIPE)$/.test(code)) return 'breaks the connection off'
  if (/^(?:EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/.test(code)) return 'cannot be reached'
  if (/^(?:CERT_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_)/.test(code)) return 'has no valid certificate'
  if (/^(?:ERR_SSL_|EPROTO)/.test(code)) return 'does not speak TLS'
  if (/^HPE_/.test(code)) return 'does not speak HTTP'
  return 'does not answer'
}

/** What an error and its causes say: the global fetch puts the one that tells something deep inside. */
function look(cause: unknown): { code: string; isTimeout: boolean; ofName: boolean } {
  let isTimeout = false
  let each: unknown = cause
  for (let depth = 0; depth < 5 && typeof each === 'object' && each !== null; depth++) {
    const { code, name, syscall, cause: next } = each as Record<string, unknown>
    isTimeout ||= name === 'TimeoutError' || name === 'AbortError'
    if (typeof code === 'string')
      return { code, isTimeout, ofName: /^query/.test(String(syscall)) && code === 'ECONNREFUSED' }
    each = next
  }
  return { code: '', isTimeout, ofName: false }
}
