"""Who is in a clip, found once: until the output is whole, what was found lies beside it."""

import hashlib

import torch

from ..model.faces import detect
from ..model.faces.choose import PersonChoice
from ..model.faces.notes import Notes
from ..model.faces.people import People, Person
from ..model.faces.recognise import pack_recogniser
from ..model.faces.track import find_people, landmarks68_of, no_face, pick_person, with_68_landmarks
from ..model.packs.pack import Pack
from ..model.types import OnProgress
from ..model.video import VideoSource
from .worklog import Stash, Workspace


class Search:
    """One clip and what looks at it. Another choice of person or of gaps after a stop uses what was found."""

    def __init__(
        self, source: VideoSource, sha256: str, pack: Pack, device: torch.device, work: Workspace | None
    ) -> None:
        """sha256: of the clip. work: None where nothing is written that work could lie beside."""
        self._source = source
        self._work = work
        self._found_by = [sha256, str(source.frame_rate), pack.hash, device.type]
        self._detector = detect.FaceDetector(device)
        self._recogniser = pack_recogniser(pack, device)

    def people(self, on_progress: OnProgress) -> People:
        """Everybody; InputError where that is nobody."""
        stash = self._stash("faces", self._found_by)
        notes = _notes(stash, "searched")
        people = find_people(self._source, self._detector, on_progress, recogniser=self._recogniser, notes=notes)
        if not people.people:
            if stash is not None:
                stash.remove()  # it would find nobody again
            raise no_face(self._source, people.frame_count)
        return people

    def person(self, choice: PersonChoice, on_progress: OnProgress) -> tuple[People, Person]:
        """Everybody and who of them is meant, with 68 landmarks where their network lies on this computer."""
        people = self.people(on_progress)
        chosen = pick_person(people, choice, self._detector, self._recogniser)
        dense = landmarks68_of(self._detector)
        if dense is None:
            return people, chosen
        five = hashlib.sha256(chosen.frames.tobytes() + chosen.landmarks.tobytes()).hexdigest()
        notes = _notes(self._stash("landmarks", [*self._found_by, five]), "landmarks")
        return people, with_68_landmarks(self._source, chosen, dense, on_progress, notes)

    def _stash(self, kind: str, depends_on: object) -> Stash | None:
        return self._work.stash(kind, depends_on) if self._work is not None else None


def _notes(stash: Stash | None, stage: str) -> Notes | None:
    return Notes(stash.file("notes.safetensors"), stash.mark(stage)) if stash is not None else None
