import { GatewayError } from '@mcp-gateway/core'
import { SettingsError } from './settings.js'

/** Turns what a person can put right into its message and exit code 1; anything else is a bug and keeps its stack. */
export async function exitOnError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof SettingsError || error instanceof GatewayError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}
