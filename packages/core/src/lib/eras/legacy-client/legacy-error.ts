import { rawJson } from '../../json/raw-json.js'
import { splice } from '../../json/splice.js'
import { errorCodes } from '../../protocol/error-codes.js'
import type { EraFailure } from '../era-failure.js'
import { membersOf } from '../members-of.js'

/** Codes that the legacy era has for what the modern one tells by codes of its own. */
const codes: Readonly<Record<number, number>> = {
  // The headers and versions are the gateway's: what is wrong with them is no fault of the client
  [errorCodes.headerMismatch]: errorCodes.internalError,
  [errorCodes.unsupportedVersion]: errorCodes.internalError,
  // A client that has not declared what the server needs: "invalid params", as clients of the era answer it
  [errorCodes.missingCapability]: errorCodes.invalidParams,
}

/** The error with a code that a legacy client understands; text and data stay as they are. */
export function legacyError(failure: EraFailure): EraFailure {
  const code = codes[failure.code]
  const { error } = failure
  if (code === undefined) return failure
  const { code: span } = membersOf(error, ['code'])
  if (span === undefined) return failure
  return { code, error: splice(error, [{ ...span, bytes: rawJson(String(code)) }], (length) => new Uint8Array(length)) }
}
