import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { withMethods } from '../contract/option-types.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditSink } from './audit-sink.js'
import { toRow } from './columns.js'

/** What is used of a stream: those of Node have it. */
export interface LineStream {
  write(text: string, done: (error?: Error | null) => void): unknown
}

/** How a file is written. */
export interface JsonLinesFile {
  /** The path of the file, which is appended to. Its folder must be there. */
  readonly file: string
  /**
   * Whether each batch is on disk before it counts as kept, so that it survives a loss of power.
   *
   * @default true
   */
  readonly sync?: boolean
}

/**
 * Writes audit events as JSON lines, one for each event, with the names of the columns. To a stream, such as one of a library
 * that rotates files; or to a file, which is opened anew when `logrotate` or the like has moved it. It neither rotates nor
 * removes. After a failure lines may be there twice, with the same `id`.
 *
 * @throws {GatewayError} `invalid_configuration`
 * @example
 * ```ts
 * const audit = createAudit({ sink: jsonLinesAudit({ file: '/var/log/mcp/audit.jsonl' }) })
 * ```
 */
export function jsonLinesAudit(target: LineStream | JsonLinesFile): AuditSink {
  if (typeof target === 'object' && target !== null && 'file' in target) return toFile(target)
  withMethods('a stream with write, or { file }', 'write')(target, 'The target of jsonLinesAudit')
  return {
    name: 'JSON lines',
    write: (events) =>
      new Promise<void>((resolve, reject) => {
        target.write(linesOf(events), (error) => (error ? reject(error) : resolve()))
      }),
  }
}

function linesOf(events: readonly AuditEvent[]): string {
  return events.map((event) => `${JSON.stringify(toRow(event))}\n`).join('')
}

function toFile({ file, sync = true }: JsonLinesFile): AuditSink {
  if (typeof file !== 'string' || file === '') throw invalidConfiguration('jsonLinesAudit: file must be a path')
  if (typeof sync !== 'boolean') throw invalidConfiguration('jsonLinesAudit: sync must be true or false')
  if (globalThis.process?.getBuiltinModule?.('node:fs/promises') === undefined) {
    throw invalidConfiguration('jsonLinesAudit: file needs a file system, which this host has not; give a stream')
  }
  let opened: import('node:fs/promises').FileHandle | undefined
  /** The last write may have ended within a line. */
  let isTorn = false

  const open = async () => {
    const { open, stat } = process.getBuiltinModule('node:fs/promises')
    if (opened !== undefined) {
      const [now, then] = await Promise.all([stat(file).catch(() => undefined), opened.stat()])
      if (now !== undefined && now.ino === then.ino && now.dev === then.dev) return opened
      await opened.close()
      opened = undefined
    }
    opened = await open(file, 'a', 0o600)
    return opened
  }

  return {
    name: 'JSON lines',
    async write(events) {
      const handle = await open()
      try {
        await handle.appendFile(isTorn ? `\n${linesOf(events)}` : linesOf(events))
        if (sync) await handle.datasync()
        isTorn = false
      } catch (error) {
        isTorn = true
        throw error
      }
    },
    async check() {
      await open()
    },
    async close() {
      await opened?.close()
      opened = undefined
    },
  }
}
