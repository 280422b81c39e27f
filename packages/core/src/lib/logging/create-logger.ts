import type { Logger } from '../contract/logger.js'
import { callable, checkOptions, type OptionTypes, oneOf, optional } from '../contract/option-types.js'
import { plainJson } from '../text/display-text.js'
import { type PersonalData, redact, redactLine } from './redact.js'

/** How much is logged. */
export interface LoggerOptions {
  /**
   * The least severe level that is written. `silent` for nothing.
   *
   * @default info
   */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /**
   * Takes each line, without a newline at its end.
   *
   * @default console.log
   */
  readonly write?: (line: string) => void
  /**
   * What becomes of data of persons: e-mail addresses, phone numbers, IP addresses, and numbers of cards and accounts, in every
   * text, and fields such as `email` and `client_address` as a whole. `mask` puts the kind of it in its place.
   *
   * @default keep
   */
  readonly personalData?: PersonalData
}

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const

const types: OptionTypes<LoggerOptions> = {
  level: optional(oneOf(...levels)),
  write: optional(callable),
  personalData: optional(oneOf('keep', 'mask')),
}

/**
 * Makes a logger that writes one JSON object per line: `timestamp`, `level`, `message`, then the fields. Credentials are
 * removed from every line: fields by the parts of their names (`sessionSecret`, `x-api-key`, `OAUTH_TOKEN`), and in texts what
 * looks like a credential (tokens of our own and of well-known services, JWTs, PEM blocks, members of JSON, parameters and
 * headers with such names). A secret that looks like an ordinary word under an ordinary name is not known. It does not
 * rotate, buffer or ship.
 *
 * @throws {GatewayError} `invalid_configuration` for an unknown level
 * @example
 * ```ts
 * const logger = createLogger({ level: 'debug', write: (line) => process.stderr.write(`${line}\n`) })
 * ```
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  checkOptions('createLogger', options, types)
  const { level = 'info', write = console.log, personalData = 'keep' } = options
  const least = levels.indexOf(level)
  const at = (name: 'debug' | 'info' | 'warn' | 'error') => (fields: Record<string, unknown>, message: string) => {
    if (levels.indexOf(name) < least) return
    const line = { timestamp: new Date().toISOString(), level: name, message: redactLine(message, personalData) }
    write(serialise(line, fields, personalData))
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

// A log line must never be what makes a request fail
function serialise(line: Record<string, unknown>, fields: Record<string, unknown>, personalData: PersonalData): string {
  try {
    return plainJson(JSON.stringify({ ...line, ...(redact(fields, personalData) as Record<string, unknown>), ...line }))
  } catch {
    return JSON.stringify({ ...line, unserialisable: Object.keys(fields) })
  }
}
