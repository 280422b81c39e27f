import { invalidConfiguration } from '../contract/invalid-configuration.js'

/** Names go into the statements as they are, so that they must be plain. PostgreSQL cuts them at 63 characters. */
export function checkTableName(table: string, where: string): void {
  if (/^[A-Za-z_]\w{0,39}$/.test(table)) return
  throw invalidConfiguration(
    `${where}: table must start with a letter or an underscore and hold letters, digits and underscores, 40 at most`,
  )
}
