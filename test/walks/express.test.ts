import { walks } from './walk.js'

walks('express')
