// The upload page: photos chosen, dropped, pasted or taken go to /predict one by one, and each gets a card.

import { listenToCamera } from "./page/camera.js";
import { listenToFiles } from "./page/files.js";
import { listenToModel } from "./page/model.js";
import { accept, listenToToolbar, retryWithKey } from "./page/results.js";

document.documentElement.classList.add("js");
listenToFiles(accept);
listenToCamera(accept);
listenToModel(retryWithKey);
listenToToolbar();
