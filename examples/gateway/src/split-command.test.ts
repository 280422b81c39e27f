import { expect, test } from 'vitest'
import { splitCommand } from './split-command.js'

test.each([
  ['node server.mjs', ['node', 'server.mjs']],
  ['  node\tserver.mjs  --port=1 ', ['node', 'server.mjs', '--port=1']],
  [`node "my server.mjs" 'it is "so"'`, ['node', 'my server.mjs', 'it is "so"']],
  [`node my" "server''.mjs`, ['node', 'my server.mjs']],
  [`node ''`, ['node', '']],
  [`node my\\ server.mjs \\"x\\" a\\\\b`, ['node', 'my server.mjs', '"x"', 'a\\b']],
  [`"say \\"hello\\""`, ['say "hello"']],
  ['C:\\tools\\server.exe C:\\data', ['C:\\tools\\server.exe', 'C:\\data']],
  ['a; rm -rf $HOME && b | c > *', ['a;', 'rm', '-rf', '$HOME', '&&', 'b', '|', 'c', '>', '*']],
])('splits %j into words and gives no other character a meaning', (line, words) => {
  expect(splitCommand(line)).toEqual(words)
})

test.each(['', '   ', `''`, 'node "server.mjs', "node it's"])('takes %j for no command', (line) => {
  expect(splitCommand(line)).toBeUndefined()
})
