import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/keys-command.ts'],
  format: 'esm',
  target: 'node20',
  clean: true,
  silent: true,
})
