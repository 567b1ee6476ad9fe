// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ILedger} from "../interfaces/ILedger.sol";
import {Ballot, GovernorRules, IRegistryGovernor} from "../interfaces/IRegistryGovernor.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {RegistryTimelock} from "./RegistryTimelock.sol";
import {RegistryToken} from "./RegistryToken.sol";
import {Tally} from "./Tally.sol";

/// @title RegistryGovernor: decides what the registry's users share.
contract RegistryGovernor is Tally, GovernorSettings, GovernorVotesQuorumFraction, GovernorTimelockControl {
    struct Guardian {
        address account;
        uint48 until;
    }

    /// Gas for one ballot of a batch: several times what a wallet's ERC-1271 check takes, too little to hurt.
    uint256 private constant BALLOT_GAS = 400_000;
    uint256 private constant MAX_GUARDIANSHIP = 365 days;
    /// How long after the vote a proposal can be queued, and after its delay be executed.
    uint256 private constant TIME_TO_ACT = 14 days;

    /// @dev Flags of a proposal: the guardian cancelled it; all that it does is to name a guardian.
    uint8 private constant CANCELLED = 1;
    uint8 private constant NAMES_GUARDIAN = 2;

    /// @inheritdoc IRegistryGovernor
    uint96 public immutable quorumFloor;

    Guardian private _guardian;
    /// @dev What is left of the maximum above the cap, so that zero means no cap.
    mapping(address token => uint256) private _capGap;

    constructor(RegistryToken token_, RegistryTimelock timelock_, GovernorRules memory rules)
        Governor("AI Asset Registry DAO")
        GovernorSettings(rules.votingDelay, rules.votingPeriod, rules.proposalThreshold)
        GovernorVotes(token_)
        GovernorVotesQuorumFraction(rules.quorumPercent)
        GovernorTimelockControl(timelock_)
    {
        // The whole supply exists already.
        uint256 supply = token_.totalSupply();
        // Twice the quorum, which a spending above its cap takes, is at most half of all votes.
        _bound("quorumFloor", rules.quorumFloor, 1, supply / 4);
        _bound("proposalThreshold", rules.proposalThreshold, 0, supply / 20);
        quorumFloor = rules.quorumFloor;
        _bound("lateQuorumExtension", rules.lateQuorumExtension, 0, rules.votingPeriod);
        _setLateQuorumVoteExtension(rules.lateQuorumExtension);
        _setGuardian(rules.guardian, rules.guardianUntil);
        _setSpendingCap(address(token_), rules.voteTokenCap);
    }

    /* PROPOSING */

    /// @notice The id of a proposal: it commits to chain, governor, actions, description and the code, as it is today, of
    /// what is called. A payment without a call runs nothing that was voted on, so whoever is paid may change.
    /// @param targets Who is called or paid.
    /// @param values What each is paid.
    /// @param calldatas What each is called with; empty for a payment.
    /// @param descriptionHash keccak256 of the description.
    /// @return The id.
    function getProposalId(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public view override returns (uint256) {
        bytes32 id = keccak256(
            abi.encode(
                block.chainid, address(this), hashProposal(targets, values, calldatas, descriptionHash)
            )
        );
        for (uint256 i = 0; i < targets.length; ++i) {
            if (i >= calldatas.length || calldatas[i].length == 0) continue;
            if (SignatureLib.isPerson(targets[i])) revert TargetWithoutCode(targets[i]);
            id = keccak256(abi.encode(id, targets[i].codehash));
        }
        return uint256(id);
    }

    /// @inheritdoc Governor
    function cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public override(Governor) returns (uint256) {
        _checkMayCancel(getProposalId(targets, values, calldatas, descriptionHash));
        return super.cancel(targets, values, calldatas, descriptionHash);
    }

    /// @inheritdoc IRegistryGovernor
    function cancelById(uint256 proposalId) external {
        if (msg.sender != guardian()) revert GovernorUnableToCancel(proposalId, msg.sender);
        _checkMayCancel(proposalId);
        _validateStateBitmap(
            proposalId,
            _encodeStateBitmap(ProposalState.Pending) | _encodeStateBitmap(ProposalState.Active)
                | _encodeStateBitmap(ProposalState.Succeeded) | _encodeStateBitmap(ProposalState.Queued)
        );
        // What the timelock has of it stays there, and only this governor could execute it.
        _turnouts[proposalId].flags |= CANCELLED;
        emit ProposalCanceled(proposalId);
    }

    /* VOTING */

    /// @inheritdoc IRegistryGovernor
    function castVotesBySig(uint256 proposalId, Ballot[] calldata ballots)
        external
        returns (uint256 counted)
    {
        if (ballots.length == 0) revert NoBallots();
        for (uint256 i = 0; i < ballots.length; ++i) {
            Ballot calldata ballot = ballots[i];
            // Through a call, so that a ballot that fails leaves nothing behind, not even a used nonce.
            try this.castVoteBySig{gas: BALLOT_GAS}(
                proposalId, ballot.support, ballot.voter, ballot.signature
            ) returns (
                uint256
            ) {
                ++counted;
            } catch (bytes memory reason) {
                emit BallotRefused(proposalId, ballot.voter, bytes4(reason));
            }
        }
    }

    /* SETTINGS */

    /// @inheritdoc IRegistryGovernor
    function setGuardian(address guardian_, uint48 until) external onlyGovernance {
        _setGuardian(guardian_, until);
    }

    /// @inheritdoc IRegistryGovernor
    function setSpendingCap(address token_, uint256 cap) external onlyGovernance {
        _setSpendingCap(token_, cap);
    }

    /// @inheritdoc IRegistryGovernor
    function setLateQuorumVoteExtension(uint48 extension) external onlyGovernance {
        _bound("lateQuorumExtension", extension, 0, votingPeriod());
        _setLateQuorumVoteExtension(extension);
    }

    /// @inheritdoc GovernorTimelockControl
    function updateTimelock(TimelockController) public pure override {
        revert TimelockIsFixed();
    }

    /// @inheritdoc Governor
    function relay(address target, uint256 value, bytes calldata data) public payable override {
        if (target == timelock()) revert RelayToTimelock();
        super.relay(target, value, data);
    }

    /* VIEWS */

    /// @inheritdoc IRegistryGovernor
    function guardian() public view returns (address) {
        return block.timestamp > _guardian.until ? address(0) : _guardian.account;
    }

    /// @inheritdoc IRegistryGovernor
    function guardianUntil() external view returns (uint48) {
        return _guardian.until;
    }

    /// @inheritdoc IRegistryGovernor
    function spendingCap(address token_) public view returns (uint256) {
        return type(uint256).max - _capGap[token_];
    }

    /// @inheritdoc GovernorVotesQuorumFraction
    function quorum(uint256 timepoint)
        public
        view
        override(Governor, GovernorVotesQuorumFraction)
        returns (uint256)
    {
        uint256 fraction = super.quorum(timepoint);
        return fraction > quorumFloor ? fraction : quorumFloor;
    }

    /// @notice ERC-6372: the time, as the token counts it.
    /// @return Seconds.
    function clock() public view override(Governor, GovernorVotes) returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372: what `clock` counts.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override(Governor, GovernorVotes) returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc Governor
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc Governor
    function proposalDeadline(uint256 proposalId) public view override(Tally, Governor) returns (uint256) {
        return super.proposalDeadline(proposalId);
    }

    /// @inheritdoc Governor
    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        ProposalState current = super.state(proposalId);
        if (_turnouts[proposalId].flags & CANCELLED != 0) return ProposalState.Canceled;
        uint256 since;
        if (current == ProposalState.Succeeded) since = proposalDeadline(proposalId);
        else if (current == ProposalState.Queued) since = proposalEta(proposalId);
        else return current;
        return block.timestamp > since + TIME_TO_ACT ? ProposalState.Expired : current;
    }

    /// @inheritdoc Governor
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    /* INTERNAL */

    /// @dev OpenZeppelin asks the code alone of an account that has any, also of a person's (EIP-7702).
    function _validateVoteSig(uint256 proposalId, uint8 support, address voter, bytes memory signature)
        internal
        override
        returns (bool)
    {
        bytes32 ballot = keccak256(abi.encode(BALLOT_TYPEHASH, proposalId, support, voter, _useNonce(voter)));
        return SignatureLib.isValid(voter, _hashTypedDataV4(ballot), signature);
    }

    function _validateExtendedVoteSig(
        uint256 proposalId,
        uint8 support,
        address voter,
        string memory reason,
        bytes memory params,
        bytes memory signature
    ) internal override returns (bool) {
        bytes32 ballot = keccak256(
            abi.encode(
                EXTENDED_BALLOT_TYPEHASH,
                proposalId,
                support,
                voter,
                _useNonce(voter),
                keccak256(bytes(reason)),
                keccak256(params)
            )
        );
        return SignatureLib.isValid(voter, _hashTypedDataV4(ballot), signature);
    }

    /// @dev OpenZeppelin takes a description without the suffix from anybody.
    function _isValidDescriptionForProposer(address proposer, string memory description)
        internal
        pure
        override
        returns (bool)
    {
        uint256 length = bytes(description).length;
        if (length < 52) revert ProposerSuffixMissing(proposer);
        bytes10 marker;
        assembly ("memory-safe") {
            marker := mload(add(description, sub(length, 20)))
        }
        (bool parsed, address named) = Strings.tryParseAddress(description, length - 42, length);
        if (marker != "#proposer=" || !parsed) revert ProposerSuffixMissing(proposer);
        return named == proposer;
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        if (
            targets.length == 1 && targets[0] == address(this)
                && bytes4(calldatas[0]) == this.setGuardian.selector
        ) _turnouts[proposalId].flags = NAMES_GUARDIAN;
    }

    /// @dev Beside another action it could be cancelled: else any proposal could be made safe from the guardian.
    function _checkMayCancel(uint256 proposalId) private view {
        if (_turnouts[proposalId].flags & NAMES_GUARDIAN != 0 && msg.sender == guardian()) {
            revert GuardianCannotStay(msg.sender);
        }
    }

    function _validateCancel(uint256 proposalId, address caller) internal view override returns (bool) {
        // OpenZeppelin would let a defeat become a cancellation; here what has ended stays as it ended.
        if (caller == guardian() && state(proposalId) != ProposalState.Defeated) return true;
        return super._validateCancel(proposalId, caller);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        _checkSpending(proposalId, targets, values, calldatas);
        // The timelock's name of the operation commits to all that the proposal's id commits to.
        return super._queueOperations(proposalId, targets, values, calldatas, bytes32(proposalId));
    }

    /// @dev What the treasury itself holds of a token can only leave by a call to the token, or by one that was approved by
    /// such a call. What waits for it in a ledger leaves by a claim: to the treasury, or else as if all of it were spent.
    function _checkSpending(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas
    ) private view {
        uint256 native = 0;
        for (uint256 i = 0; i < targets.length; ++i) {
            native += values[i];
            address claimed = _claimedElsewhere(calldatas[i]);
            if (claimed != address(this) && _capGap[claimed] != 0) _requireMoreVotes(proposalId, claimed);
            if (_capGap[targets[i]] == 0) continue;
            uint256 spent = 0;
            for (uint256 j = 0; j < targets.length; ++j) {
                if (targets[j] != targets[i]) continue;
                uint256 amount = _transferred(calldatas[j]);
                spent = amount > type(uint256).max - spent ? type(uint256).max : spent + amount;
            }
            if (spent > spendingCap(targets[i])) _requireMoreVotes(proposalId, targets[i]);
        }
        if (native != 0 && native > spendingCap(address(0))) _requireMoreVotes(proposalId, address(0));
    }

    function _requireMoreVotes(uint256 proposalId, address token_) private view {
        (, uint256 forVotes,) = proposalVotes(proposalId);
        uint256 needed = 2 * _quorumOf(proposalId);
        if (forVotes < needed) revert SpendingNeedsMoreVotes(proposalId, token_, forVotes, needed);
    }

    /// @return amount What a call of a token transfers; the maximum for any other call.
    function _transferred(bytes memory data) private pure returns (uint256 amount) {
        if (data.length != 68 || bytes4(data) != IERC20.transfer.selector) return type(uint256).max;
        assembly ("memory-safe") {
            amount := mload(add(data, 0x44))
        }
    }

    /// @return token_ What a call has a ledger send to another account than the treasury; this governor for no such call.
    function _claimedElsewhere(bytes memory data) private view returns (address token_) {
        if (data.length != 100 || bytes4(data) != ILedger.claim.selector) return address(this);
        address payee;
        address to;
        assembly ("memory-safe") {
            token_ := mload(add(data, 0x24))
            payee := mload(add(data, 0x44))
            to := mload(add(data, 0x64))
        }
        if (payee != timelock() || to == payee) return address(this);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, bytes32(proposalId));
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }

    function _setSpendingCap(address token_, uint256 cap) private {
        _capGap[token_] = type(uint256).max - cap;
        emit SpendingCapSet(token_, cap);
    }

    function _setGuardian(address guardian_, uint48 until) private {
        _bound("guardianUntil", until, 0, block.timestamp + MAX_GUARDIANSHIP);
        _guardian = Guardian(guardian_, until);
        emit GuardianSet(guardian_, until);
    }

    function _setVotingDelay(uint48 delay) internal override {
        _bound("votingDelay", delay, 1 hours, 14 days);
        super._setVotingDelay(delay);
    }

    function _setVotingPeriod(uint32 period) internal override {
        uint256 extension = lateQuorumVoteExtension();
        _bound("votingPeriod", period, extension > 1 days ? extension : 1 days, 30 days);
        super._setVotingPeriod(period);
    }

    /// @inheritdoc GovernorSettings
    function setProposalThreshold(uint256 threshold) public override onlyGovernance {
        _bound("proposalThreshold", threshold, 0, RegistryToken(address(token())).totalSupply() / 20);
        _setProposalThreshold(threshold);
    }

    function _updateQuorumNumerator(uint256 percent) internal override {
        _bound("quorumPercent", percent, 1, 25);
        super._updateQuorumNumerator(percent);
    }

    function _bound(bytes32 setting, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) revert SettingOutOfBounds(setting, value, minimum, maximum);
    }
}
