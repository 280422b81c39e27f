import { expect, test } from 'vitest'
import { taskkillArguments } from './process-group.js'
import { windowsCommand } from './windows-command.js'

const files = new Set(['C:\\node\\npx.cmd', 'C:\\node\\node.exe', 'C:\\my tools\\server.bat', 'C:\\work\\run.cmd'])
const machine = { platform: 'win32', exists: (path: string) => files.has(path) }
const env = {
  Path: 'C:\\nowhere;C:\\node;C:\\my tools',
  PATHEXT: '.COM;.EXE;.BAT;.CMD',
  ComSpec: 'C:\\Windows\\cmd.exe',
}

test('elsewhere a command is started as it is', () => {
  const spec = { command: 'npx', args: ['-y', 'a & b'], env: {} }
  expect(windowsCommand(spec, { ...machine, platform: 'linux' })).toEqual({
    command: 'npx',
    args: ['-y', 'a & b'],
    options: { shell: false },
  })
})

test('npx is found as npx.cmd and run by cmd.exe, its arguments as text', () => {
  expect(windowsCommand({ command: 'npx', args: ['-y', 'a & b | c', 'x^y', 'end\\'], env }, machine)).toEqual({
    command: 'C:\\Windows\\cmd.exe',
    args: ['/d', '/s', '/v:off', '/c', '""C:\\node\\npx.cmd" "-y" "a & b | c" "x^y" "end\\\\""'],
    options: { shell: false, windowsVerbatimArguments: true },
  })
})

test('a program is found as its file and started without cmd.exe', () => {
  const spec = { command: 'node', args: ['a"b', '%PATH%'], env }
  expect(windowsCommand(spec, machine)).toEqual({
    command: 'C:\\node\\node.exe',
    args: ['a"b', '%PATH%'],
    options: { shell: false },
  })
})

test('a path is taken relative to the working directory, not looked up', () => {
  expect(windowsCommand({ command: '.\\run', args: [], env, cwd: 'C:\\work' }, machine).args.at(-1)).toBe(
    '""C:\\work\\run.cmd""',
  )
  expect(windowsCommand({ command: 'server', args: [], env }, machine).args.at(-1)).toBe('""C:\\my tools\\server.bat""')
  expect(windowsCommand({ command: 'missing', args: [], env }, machine).command).toBe('missing')
})

test.each(['a"b', '%PATH%', 'a\nb', 'a\r', 'a\0b'])(
  '[S4] an argument that cmd.exe would not take for text is refused: %j',
  (argument) => {
    expect(() => windowsCommand({ command: 'npx', args: [argument], env }, machine)).toThrow(
      /double quote, a percent sign/,
    )
  },
)

test('a tree is ended by force', () => {
  expect(taskkillArguments(42)).toEqual(['/PID', '42', '/T', '/F'])
})
