/** Where log lines go. Structural: a pino logger fits as it is. Fields never hold tokens, codes, secrets or cookies. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void
  info(fields: Record<string, unknown>, message: string): void
  warn(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}
