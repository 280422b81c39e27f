import { existsSync } from 'node:fs'
import { win32 } from 'node:path'
import { invalidConfiguration } from '@mcp-gateway/core/internal'

/** What to start. Comes from configuration only, never from a request (MCP S4). */
export interface ChildSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** What `spawn` gets. */
export interface SpawnCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly options: { readonly shell: false; readonly windowsVerbatimArguments?: boolean }
}

/** What is asked of the machine, for tests on other ones. */
export interface Machine {
  readonly platform: string
  readonly exists: (path: string) => boolean
}

const here: Machine = { platform: process.platform, exists: existsSync }

/**
 * Never a shell. On Windows, where programs such as `npx` are `.cmd` files that only `cmd.exe` can run, the file is
 * looked up as `cmd.exe` would and run by it, with arguments that it cannot take for anything but text.
 */
export function windowsCommand(spec: ChildSpec, machine: Machine = here): SpawnCommand {
  const { command, args, env } = spec
  if (machine.platform !== 'win32') return { command, args, options: { shell: false } }
  const file = resolve(command, env, spec.cwd, machine)
  if (file === undefined || !/\.(cmd|bat)$/i.test(file))
    return { command: file ?? command, args, options: { shell: false } }
  const line = [file, ...args].map(quoteForCmd).join(' ')
  const shell = variable(env, 'ComSpec') ?? 'cmd.exe'
  return {
    command: shell,
    args: ['/d', '/s', '/v:off', '/c', `"${line}"`],
    options: { shell: false, windowsVerbatimArguments: true },
  }
}

// cmd.exe expands %NAME% even inside quotes, and a batch file parses its arguments a second time, so there is no
// escape that holds for these characters: what cannot be passed safely is refused
function quoteForCmd(argument: string): string {
  if (/["%\r\n\0]/.test(argument)) {
    throw invalidConfiguration(
      'An argument for a .cmd or .bat file must not hold a double quote, a percent sign or a line end; start the program behind the file instead, such as node with its script',
    )
  }
  return `"${argument.replace(/\\+$/, (slashes) => slashes + slashes)}"`
}

function resolve(
  command: string,
  env: ChildSpec['env'],
  cwd: string | undefined,
  machine: Machine,
): string | undefined {
  const extensions = (variable(env, 'PATHEXT') ?? '.COM;.EXE;.BAT;.CMD').toLowerCase().split(';')
  const named = extensions.some((extension) => extension !== '' && command.toLowerCase().endsWith(extension))
  const suffixes = named ? [''] : extensions.filter((extension) => extension !== '')
  const folders = /[\\/:]/.test(command)
    ? [cwd ?? '.']
    : (variable(env, 'PATH') ?? '').split(';').filter((one) => one !== '')
  for (const folder of folders) {
    for (const suffix of suffixes) {
      const path = win32.resolve(folder, command + suffix)
      if (machine.exists(path)) return path
    }
  }
  return undefined
}

// Names of variables have no case on Windows
function variable(env: ChildSpec['env'], name: string): string | undefined {
  return Object.entries(env).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}
